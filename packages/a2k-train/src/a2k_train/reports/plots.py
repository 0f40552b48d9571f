"""Plots of an evaluation, with matplotlib from `a2k-train[plots]`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor

from a2k_train.evaluation.clip_score import ClipScore
from a2k_train.evaluation.predictions import BASELINES, GROUND_TRUTH
from a2k_train.evaluation.velocity_spectra import PARTS, Spectra
from kp_io.filesystem import atomic_path
from kp_metrics import mouth_opening

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TRUTH = {"color": "black", "linewidth": 2.0}

#: Densities below this share of the smallest true density are not shown.
_MIN_DENSITY = 1e-3


def _figure(width: float, height: float, *, rows: int = 1, columns: int = 1) -> "tuple[Figure, list[Axes]]":
    """Return a figure and its axes, without pyplot and its global state."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        install = '`pip install "matplotlib>=3.8"` (the extra a2k-train[plots])'
        raise ImportError(f"plots need matplotlib: {install}") from error
    figure = Figure(figsize=(width, height), layout="constrained", dpi=130)
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def _save(figure: "Figure", path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary)


def plot_spectra(path: Path, spectra: Spectra, *, models: Sequence[str]) -> None:
    """Plot the velocity spectra of lips, base point and pose for the ground truth and the models, log-log.

    Raises:
        ImportError: matplotlib is not installed.
    """
    figure, panels = _figure(12, 4, columns=len(PARTS))
    for axes, (part, unit) in zip(panels, PARTS.items(), strict=True):
        true = spectra.mean(GROUND_TRUTH, part)
        axes.loglog(spectra.frequencies, true, label=GROUND_TRUTH, **_TRUTH)
        densities = {name: spectra.mean(name, part) for name in models}
        floor = _MIN_DENSITY * float(true.min())
        for name, density in densities.items():
            axes.loglog(spectra.frequencies, density.clamp(min=1e-30), label=name)
        still = [name for name, density in densities.items() if float(density.max()) < floor]
        if still:
            axes.text(0.03, 0.03, "stand still:\n" + "\n".join(still), transform=axes.transAxes, fontsize="small")
        axes.set(title=part, xlabel="frequency, Hz", ylabel=f"velocity density, ({unit}/s)²/Hz")
        axes.set_ylim(floor, 3 * max(float(density.max()) for density in (true, *densities.values())))
        axes.grid(visible=True, which="both", alpha=0.2)
    panels[0].legend(fontsize="small")
    _save(figure, path)


def plot_correlations(path: Path, scores: Sequence[ClipScore]) -> None:
    """Plot the mouth correlations of every row: a dot per clip, a bar for the interquartile range, and the median.

    Raises:
        ImportError: matplotlib is not installed.
    """
    by_row: dict[str, list[float]] = {}
    for score in scores:
        if score.row != GROUND_TRUTH and score.mouth_correlation == score.mouth_correlation:
            by_row.setdefault(score.row, []).append(score.mouth_correlation)
    figure, (axes,) = _figure(8, 1.2 + 0.45 * len(by_row))
    for position, (row, values) in enumerate(reversed(by_row.items())):
        ordered = sorted(values)
        # Dots are spread vertically by rank, so that none hides another and the plot is deterministic.
        heights = [position + 0.28 * ((7 * rank) % 11 - 5) / 5 for rank in range(len(ordered))]
        color = "0.5" if row in BASELINES or row.startswith("shuffled") else "C0"
        axes.plot(ordered, heights, ".", markersize=4, alpha=0.45, color=color)
        low, middle, high = (ordered[round(share * (len(ordered) - 1))] for share in (0.25, 0.5, 0.75))
        axes.plot([low, high], [position, position], color=color, linewidth=7, alpha=0.55, solid_capstyle="butt")
        axes.plot([middle], [position], "|", color="black", markersize=15, markeredgewidth=2)
    axes.set_yticks(range(len(by_row)), labels=[f"{row}  ({len(v)})" for row, v in reversed(by_row.items())])
    axes.axvline(0, color="0.7", linewidth=0.8, zorder=0)
    axes.set(xlabel="mouth correlation r of a clip", xlim=(-1, 1))
    _save(figure, path)


def plot_mouths(
    path: Path,
    examples: Mapping[str, Mapping[str, Float[Tensor, "t k d"]]],
    *,
    models: Sequence[str],
    fps: float,
) -> None:
    """Plot the mouth opening over time of some clips, for the ground truth and the models.

    Args:
        path: Output image.
        examples: Keypoints by panel title and row.
        models: Rows to plot with the ground truth.
        fps: Frames per second.

    Raises:
        ImportError: matplotlib is not installed.
    """
    figure, panels = _figure(10, 0.6 + 1.9 * len(examples), rows=len(examples))
    for axes, (title, rows) in zip(panels, examples.items(), strict=True):
        for name in (GROUND_TRUTH, *models):
            opening = mouth_opening(rows[name], reduction="none").tolist()
            style = _TRUTH if name == GROUND_TRUTH else {"linewidth": 1.3}
            axes.plot([frame / fps for frame in range(len(opening))], opening, label=name, **style)
        axes.set_title(title, fontsize="medium", loc="left")
        axes.set(ylabel="opening, IOD")
        axes.margins(x=0)
    panels[-1].set(xlabel="time, s")
    panels[0].legend(fontsize="small", ncols=1 + len(models), loc="upper right")
    _save(figure, path)


def plot_against_snr(
    path: Path, curves: Mapping[str, Mapping[float, tuple[float, float, float]]], levels: Mapping[str, float]
) -> None:
    """Plot the mouth correlation over the signal-to-noise ratio.

    Args:
        path: The picture.
        curves: By noise and signal-to-noise ratio in dB: the mean with the ends of its interval.
        levels: Correlations without noise, as of clean speech and of another's, by their names.

    Raises:
        ImportError: matplotlib is not installed.
    """
    figure, (axes,) = _figure(7, 4.2)
    for number, (noise, curve) in enumerate(curves.items()):
        snrs = [snr + 0.25 * (number - len(curves) / 2) for snr in curve]  # side by side, so that all bars are seen
        middles = [middle for middle, _, _ in curve.values()]
        bars = [[max(0.0, middle - low), max(0.0, high - middle)] for middle, low, high in curve.values()]
        axes.errorbar(snrs, middles, list(zip(*bars, strict=True)), label=noise, marker="o", capsize=3)
    for (name, level), style in zip(levels.items(), ("--", ":", "-.") * len(levels), strict=False):
        axes.axhline(level, label=name, color="0.4", linestyle=style)
    axes.set(xlabel="speech over noise, dB", ylabel="mouth correlation r")
    axes.set_ylim(min(0.0, *levels.values()) - 0.05)
    axes.invert_xaxis()
    axes.grid(visible=True, alpha=0.2)
    axes.legend(fontsize="small")
    _save(figure, path)
