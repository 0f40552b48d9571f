"""Command line: compare two keypoint files or folders, and list the metrics."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from kp_metrics.evaluation.metric_registry import DEFAULT_METRICS, METRIC_REGISTRY

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Keypoint metrics with stated conventions.",
    rich_markup_mode="rich",
)


@app.command()
def compare(
    preds: Annotated[Path, typer.Argument(metavar="PRED", help="Predicted keypoints: a file, or a folder of them.")],
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="True keypoints: a file or folder, matched by name.")
    ],
    metrics: Annotated[str, typer.Option("--metrics", "-m", help="Comma-separated names, see `kp-metrics list`.")] = "",
    alpha: Annotated[float, typer.Option(help="Radius of PCK as a fraction of its normalizer.")] = 0.02,
    normalizer: Annotated[str, typer.Option(help="Normalizer of pck and nme; by default each its own.")] = "",
    fps: Annotated[float | None, typer.Option(help="Frames per second; by default that of the files, else 25.")] = None,
    resamples: Annotated[int, typer.Option(help="Bootstrap samples; 0 for no intervals.", min=0)] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Also write the table to a .csv, .json, .md or .tex file.")
    ] = None,
) -> None:
    """Print metrics of predicted against true keypoints, beside those of a held reference frame.

    Reads kp-io's .npz and .csv, and COCO keypoint JSON (any number of points).
    """
    # Imported here, because torch would slow down --help.
    from kp_metrics.files.compare_paths import compare_paths

    try:
        names = [name.strip() for name in metrics.split(",") if name.strip()]
        options: dict[str, dict[str, Any]] = {"pck": {"alpha": alpha}}
        if normalizer:
            options["pck"]["normalizer"] = normalizer
            options["nme"] = {"normalizer": normalizer}
        table = compare_paths(preds, target, metrics=names, options=options, fps=fps, resamples=resamples, seed=seed)
        if out is not None:
            table.save(out)
    except (ValueError, OSError) as error:
        _fail(error)
    if json:
        sys.stdout.write(table.to_json())
    else:
        _print(table)


@app.command(name="list")
def list_metrics() -> None:
    """Print each metric with its convention, unit and direction."""
    from rich.table import Table

    table = Table(caption="↑ higher is better, ↓ lower is better; * shown by default")
    for title in ("metric", "", "unit", "convention", "others, by option", "needs"):
        table.add_column(title, overflow="fold")
    for info in METRIC_REGISTRY:
        star = "*" if info.name in DEFAULT_METRICS else ""
        table.add_row(info.name + star, info.arrow, info.unit, info.convention, info.others, info.needs)
    _print(table)


def _print(content: Any) -> None:
    from rich.console import Console

    Console().print(content)


def _fail(error: Exception) -> None:
    from rich.console import Console
    from rich.markup import escape

    # On one line; square brackets of shapes and paths are not markup.
    message = escape(" ".join(str(error).split()))
    Console(stderr=True, soft_wrap=True, highlight=False).print("[red]error:[/red]", message)
    raise typer.Exit(1) from None
