"""Plots with matplotlib, which comes with `kp-metrics[plots]`.

Each function draws into the axes given, or into a figure of its own outside of pyplot, and returns the axes.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.functional import mouth_opening, nme, pck_curve
from kp_metrics.primitives.normalizers import Normalizer

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _axes(axes: "Axes | None") -> "Axes":
    if axes is not None:
        return axes
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("expected matplotlib for plots: pip install 'kp-metrics[plots]'") from error
    figure = Figure(figsize=(6, 4), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def plot_pck_curve(
    preds: Tensor | Mapping[str, Tensor],
    target: Float[Tensor, "*batch t k d"],
    *,
    alpha_max: float = 0.1,
    normalizer: Normalizer = "bbox_sequence",
    mask: Bool[Tensor, "*batch t k"] | None = None,
    axes: "Axes | None" = None,
) -> "Axes":
    """Draw PCK over alpha, a line for each of the predictions.

    Args:
        preds: `(..., T, K, D)`, or several such by name.
        target: True keypoints `(..., T, K, D)`.
        alpha_max: Right end of the curve.
        normalizer: Size that alpha is relative to.
        mask: `(..., T, K)`, True where a point is valid.
        axes: Axes to draw into; new ones by default.

    Returns:
        The axes; `axes.figure.savefig("pck.png")` writes the picture.
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
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"],
    *,
    normalizer: Normalizer = "interocular",
    mask: Bool[Tensor, "*batch t k"] | None = None,
    axes: "Axes | None" = None,
) -> "Axes":
    """Draw the mean face (or body), each keypoint coloured by its normalized mean error.

    Args:
        preds: Predicted keypoints `(..., T, K, D)`.
        target: True keypoints `(..., T, K, D)`.
        normalizer: What the error is divided by.
        mask: `(..., T, K)`, True where a point is valid.
        axes: Axes to draw into; new ones by default.

    Returns:
        The axes, x right and y down as in pictures.
    """
    axes = _axes(axes)
    error = nme(preds, target, normalizer=normalizer, mask=mask, reduction="none").flatten(0, -2).nanmean(0)
    seen = target if mask is None else target.masked_fill(~mask.unsqueeze(-1), torch.nan)
    centred = seen - seen.nanmean(-2, keepdim=True)
    place = centred.flatten(0, -3).nanmean(0)
    drawn = axes.scatter(place[:, 0].tolist(), place[:, 1].tolist(), c=(100 * error).tolist(), s=30)
    figure = axes.figure
    figure.colorbar(drawn, ax=axes, label="NME, %")
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
    """Draw the mouth opening of the truth and of the predictions over time.

    Args:
        preds: One sequence `(T, K, D)`, or several such by name.
        target: True keypoints `(T, K, D)`.
        fps: Frames a second.
        mask: `(T, K)`, True where a point is valid; the lines break where a point is masked.
        axes: Axes to draw into; new ones by default.

    Returns:
        The axes.
    """
    axes = _axes(axes)
    seconds = [frame / fps for frame in range(target.shape[0])]
    axes.plot(seconds, mouth_opening(target, mask=mask).tolist(), color="black", label="truth")
    for name, points in (preds if isinstance(preds, Mapping) else {"prediction": preds}).items():
        axes.plot(seconds, mouth_opening(points, mask=mask).tolist(), label=name)
    axes.set(xlabel="time, s", ylabel="mouth opening, eye distances")
    axes.legend()
    return axes
