"""Measure cost over input size of generation, PCK and annotation; plot it and fit slopes.

    python benchmarks/growth.py --out growth.json --picture growth.png
    python benchmarks/growth.py --out growth.json --picture growth.png --corpus VIDEOS

It uses one thread. Each size is measured up to five times, fewer if a run is long; the median counts. It takes about
five minutes; `--most 0.1` stops at a tenth of the largest sizes.
"""

import json
import math
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import torch
import typer
from common.run_metadata import describe_run
from scaling.curves import Curve, annotation_curves, generation_curves, pck_curves
from scaling.fit import fit_line, fit_slope

__all__ = ["draw", "measure_curve"]

SPEECH_SECONDS = (10, 30, 60, 180, 600, 1800, 3600)
PCK_FRAMES = (1e2, 1e3, 1e4, 1e5, 1e6)
CLIPS = (1, 2, 4, 8, 16, 32, 64)
_ENOUGH_SECONDS = 3.0


def measure_curve(curve: Curve) -> dict[str, Any]:
    """Return the points and fits of a curve for JSON, after a warm-up call."""
    curve.seconds(curve.sizes[0])
    points = []
    for size in curve.sizes:
        begin, times = time.perf_counter(), []
        while len(times) < 5 and (not times or time.perf_counter() - begin < _ENOUGH_SECONDS):
            times.append(curve.seconds(size))
        points.append({"size": size, "seconds": median(times), "rounds": len(times)})
    sizes, seconds = [p["size"] for p in points], [p["seconds"] for p in points]
    fields = ("name", "panel", "unit", "quoted", "is_alternative")
    return {
        **{name: getattr(curve, name) for name in fields},
        "points": points,
        "slope": asdict(fit_slope(sizes, seconds)),
        "line": asdict(fit_line(sizes, seconds)),
    }


def draw(path: Path, curves: Sequence[dict[str, Any]]) -> None:
    """Plot the curves log-log, with a panel for each kind; thin lines are the fits with fixed cost."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = list(dict.fromkeys(curve["panel"] for curve in curves))
    figure = Figure(figsize=(4.4 * len(panels), 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for curve in (curve for curve in curves if curve["panel"] == panel):
            sizes, seconds = zip(*((p["size"], p["seconds"]) for p in curve["points"]), strict=True)
            color = "0.45" if curve["is_alternative"] else "C0"
            label = f"{curve['name']}: slope {curve['slope']['slope']:.2f}"
            axes.loglog(sizes, seconds, "s" if curve["is_alternative"] else "o", color=color, label=label)
            low, high = math.log10(min(sizes)), math.log10(max(sizes))
            grid = [10 ** (low + (high - low) * step / 50) for step in range(51)]
            line = curve["line"]
            fit = [line["fixed"] + line["per_unit"] * size for size in grid]
            axes.loglog(grid, fit, "--" if curve["is_alternative"] else "-", color=color, linewidth=1)
        axes.set(title=panel, xlabel=curve["unit"], ylabel="seconds")
        axes.grid(visible=True, which="major", alpha=0.3)
        axes.legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def up_to(sizes: Iterable[float], share: float) -> list[float]:
    """Return the sizes up to a share of the largest, at least two."""
    ordered = sorted(sizes)
    kept = [size for size in ordered if size <= share * ordered[-1]]
    return kept if len(kept) > 1 else ordered[:2]


def main(
    out: Annotated[Path, typer.Option(help="JSON to write.")],
    picture: Annotated[Path, typer.Option(help="PNG to write.")],
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.")] = "cpu",
    most: Annotated[float, typer.Option(min=0, max=1, help="Share of the largest size to stop at.")] = 1.0,
    corpus: Annotated[Path | None, typer.Option(help="Folder of videos to annotate instead of a portrait.")] = None,
) -> None:
    """Measure, fit and plot all curves."""
    torch.set_num_threads(1)
    where = torch.device(device)
    run = describe_run(where)
    curves = []
    with tempfile.TemporaryDirectory() as folder:
        for curve in (
            *generation_curves(up_to(SPEECH_SECONDS, most), where),
            *pck_curves(up_to(PCK_FRAMES, most), where),
            *annotation_curves(up_to(CLIPS, most), Path(folder), corpus),
        ):
            curves.append(measure_curve(curve))
            typer.echo(f"slope {curves[-1]['slope']['slope']:.2f}  {curve.panel}: {curve.name}")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"machine_info": run, "curves": curves}, indent=1) + "\n", encoding="utf-8")
    draw(picture, curves)


if __name__ == "__main__":
    typer.run(main)
