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


def _show_version(is_asked: bool) -> bool:
    if is_asked:
        from importlib.metadata import version

        sys.stdout.write(f"kp-metrics {version('kp-metrics')}\n")
        raise typer.Exit
    return False


@app.callback()
def show(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Keypoint metrics with stated conventions."""


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
    face: Annotated[str | None, typer.Option(help="Which face of a file that holds several.")] = None,
    track: Annotated[str | None, typer.Option(help="Which clip, video or track of a file that holds several.")] = None,
    image: Annotated[str | None, typer.Option(help="Only this picture of a file: its file name or id.")] = None,
    resamples: Annotated[int, typer.Option(help="Bootstrap samples; 0 for no intervals.", min=0)] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Also write the table to a .csv, .json, .md or .tex file.")
    ] = None,
) -> None:
    """Print metrics of predicted against true keypoints, beside those of a held reference frame.

    Reads kp-io's .npz, .csv and .json, OpenFace's .csv, and COCO keypoint JSON (any number of points).
    """
    # Imported here, because torch would slow down --help.
    from kp_metrics.files.compare_paths import compare_paths

    try:
        names = [name.strip() for name in metrics.split(",") if name.strip()]
        options: dict[str, dict[str, Any]] = {"pck": {"alpha": alpha}}
        if normalizer:
            options["pck"]["normalizer"] = normalizer
            options["nme"] = {"normalizer": normalizer}
        if out is not None:
            _refuse_overwriting(out, preds, target)
        choice = {"face": face, "track": track, "image": image}
        table = compare_paths(
            preds, target, metrics=names, options=options, fps=fps, resamples=resamples, seed=seed, **choice
        )
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


def _refuse_overwriting(out: Path, *inputs: Path) -> None:
    """Raise a `ValueError` if the table would replace a file that is read, by whatever name or link."""
    for given in inputs:
        read = [file for file in given.rglob("*") if file.is_file()] if given.is_dir() else [given]
        if out.exists() and any(file.exists() and file.samefile(out) for file in read):
            raise ValueError(
                f"expected another file to write than those that are read, got {out}, which is in the input {given}; "
                "choose another name"
            )


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
