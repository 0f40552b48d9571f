"""`a2k-train head-report`: compare the heads of folds with real ones."""

from pathlib import Path
from typing import Annotated

import typer

from a2k_train.cli.console import progress, readable_errors
from a2k_train.cli.options import Apart, Cache, Clips, Manifest, Splits


@readable_errors()
def head_report(
    clips: Clips,
    run: Annotated[Path, typer.Option(help="Folder of `a2k-train head --folds`.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for the tables; an interrupted report goes on there.")
    ],
    model: Annotated[
        str | None,
        typer.Option(
            help="Model that moves the lips, or the run folder of a cross-validation, whose models have not seen the "
            "speakers either.",
            show_default="listener",
        ),
    ] = None,
    manifest: Manifest = None,
    splits: Splits = "train,val",
    seeds: Annotated[int, typer.Option(min=2, help="Motions for each clip; the best of them is scored as well.")] = 10,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Random seed.")] = 0,
    apart: Apart = None,
    cache: Cache = "memory",
) -> None:
    """Compare turns, nods, brows and blinks of heads with those of real people whom they have not seen."""
    from a2k_nets import Audio2Keypoint, ModelConfig
    from a2k_train.cli.options import open_for_model
    from a2k_train.experiments.head_evaluation import evaluate_heads
    from a2k_train.experiments.held_out_models import is_crossval, load_held_out_models
    from a2k_train.reports.head_space_report import report_markdown
    from kp_io.filesystem import refuse_overwriting

    refuse_overwriting([out], [clips, run])
    store = open_for_model(ModelConfig(), clips, splits=splits, manifest=manifest, cache=cache)
    if model is not None and is_crossval(Path(model)):
        models = [held_out for _, held_out in load_held_out_models(Path(model), store)]
    else:
        models = [Audio2Keypoint.from_pretrained(model or "listener")] * len(store)
    with progress("clips") as advance:
        tables = evaluate_heads(
            store,
            run,
            out,
            models=models,
            lips=model or "listener",
            seeds=seeds,
            seed=seed,
            apart=apart,
            on_clip=lambda fold, done, of: advance(done, of, {"fold": float(fold)}),
        )
    typer.echo(report_markdown(tables))
    typer.echo(f"tables: {out / 'head.md'}")
