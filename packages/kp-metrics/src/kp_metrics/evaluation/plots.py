"""Plots with matplotlib (`kp-metrics[plots]`).

Each function draws into the given axes, or into a new figure outside of pyplot, and returns the axes. Arguments that
are not described are those of `kp_metrics.functional`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.functional import mouth_opening, nme, pck_curve
from kp_metrics.primitives.normalizers import Normalizer
from kp_metrics.primitives.types import Keypoints, Mask

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _axes(axes: "Axes | None") -> "Axes":
    if axes is not None:
        return axes
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        install = '`pip install "matplotlib>=3.8"` (the extra kp-metrics[plots])'
        raise ImportError(f"plots need matplotlib: {install}") from error
    figure = Figure(figsize=(6, 4), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def plot_pck_curve(
    preds: Tensor | Mapping[str, Tensor],
    target: Keypoints,
    *,
    alpha_max: float = 0.1,
    normalizer: Normalizer = "bbox_sequence",
    mask: Mask = None,
    axes: "Axes | None" = None,
) -> "Axes":
    """Draw PCK over alpha up to `alpha_max`, one line per prediction: `(..., T, K, D)`, or several by name.

    `axes.figure.savefig("pck.png")` writes the image.
    """
    axes = _axes(axes)
    alphas = torch.linspace(0, alpha_max, 51)[1:]
    for name, points in (preds if isinstance(preds, Mapping) else {"": preds}).items():
        curve = pck_curve(points, target, alphas=alphas, normalizer=normalizer, mask=mask)
        axes.plot(alphas.tolist(), curve.tolist(), label=name)
    axes.set(xlabel="α", ylabel="PCK", xlim=(0, alpha_max), ylim=(0, 1))
    if isinstance(preds, Mapping):
        axes.legend()
    return axes


def plot_keypoint_error(
    preds: Keypoints,
    target: Keypoints,
    *,
    normalizer: Normalizer = "interocular",
    mask: Mask = None,
    axes: "Axes | None" = None,
) -> "Axes":
    """Draw the mean face (or body), each keypoint coloured by its normalized mean error; x right, y down."""
    axes = _axes(axes)
    error = nme(preds, target, normalizer=normalizer, mask=mask, reduction="none").flatten(0, -2).nanmean(0)
    valid = target if mask is None else target.masked_fill(~mask.unsqueeze(-1), torch.nan)
    mean = (valid - valid.nanmean(-2, keepdim=True)).flatten(0, -3).nanmean(0)
    points = axes.scatter(mean[:, 0].tolist(), mean[:, 1].tolist(), c=(100 * error).tolist(), s=30)
    axes.figure.colorbar(points, ax=axes, label="NME, %")
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.set(xlabel="x, px", ylabel="y, px")
    return axes


def plot_mouth_opening(
    preds: Float[Tensor, "t k d"] | Mapping[str, Tensor],
    target: Float[Tensor, "t k d"],
    *,
    fps: float = 25.0,
    mask: Bool[Tensor, "t k"] | None = None,
    axes: "Axes | None" = None,
) -> "Axes":
    """Draw the mouth opening of the truth and of the predictions over time, with gaps where a point is masked.

    `preds` is one sequence `(T, K, D)`, or several by name.
    """
    axes = _axes(axes)
    seconds = [frame / fps for frame in range(target.shape[0])]
    axes.plot(seconds, mouth_opening(target, mask=mask).tolist(), color="black", label="truth")
    for name, points in (preds if isinstance(preds, Mapping) else {"prediction": preds}).items():
        axes.plot(seconds, mouth_opening(points, mask=mask).tolist(), label=name)
    axes.set(xlabel="time, s", ylabel="mouth opening, eye distances")
    axes.legend()
    return axes
