"""`a2k-train head`: train the network that moves head and brows."""

from typing import Annotated

import typer

from a2k_train.cli.console import counted, progress, readable_errors
from a2k_train.cli.options import Cache, Clips, Manifest, Run, Splits


@readable_errors()
def head(
    clips: Clips,
    run: Run,
    manifest: Manifest = None,
    splits: Splits = "train,val",
    steps: Annotated[int, typer.Option(min=1, help="Number of optimizer steps.")] = 600,
    guidance: Annotated[
        float, typer.Option(min=0.0, help="How much more motion follows speech than was learnt.")
    ] = 1.5,
    calibration: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Share of the difference in size to real motion that is made up for."),
    ] = 0.75,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    folds: Annotated[
        int, typer.Option(min=0, help="Train this many networks, each without the speakers of a fold; 0 trains one.")
    ] = 0,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Model that gets the head: a copy is written to RUN/NAME.safetensors; may be repeated."),
    ] = None,
    cache: Cache = "memory",
) -> None:
    """Train the head of a model: turns, nods and brows that follow speech."""
    from a2k_nets import ModelConfig
    from a2k_train.cli.options import open_for_model
    from a2k_train.experiments.head_folds import add_head, train_heads
    from a2k_train.training.fit_head import HEAD_FILE, HeadSettings
    from kp_io.filesystem import refuse_overwriting

    refuse_overwriting([run], [clips])
    if folds and model:
        raise ValueError("expected --model without --folds: a model gets the head that is trained on all clips")
    settings = HeadSettings(steps=steps, guidance=guidance, calibration=calibration, seed=seed)
    store = open_for_model(ModelConfig(), clips, splits=splits, manifest=manifest, cache=cache)
    total = steps * max(1, folds)
    with progress("steps") as advance:
        networks = train_heads(
            store,
            run,
            settings,
            folds=folds,
            on_step=lambda fold, step, loss: advance(fold * steps + step, total, {"loss": loss}),
        )
    for name in model or ():
        typer.echo(f"model: {add_head(name, networks[0], run)}")
    typer.echo(f"{counted(len(networks), 'head')}: {run / ('fold-*' if folds else '') / HEAD_FILE}")
