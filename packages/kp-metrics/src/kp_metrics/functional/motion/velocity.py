"""Velocity, acceleration and jitter: differences over time."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.primitives.checks import (
    check_indices,
    check_keypoints,
    check_mask,
    check_pair,
    check_positive,
    working_precision,
)
from kp_metrics.primitives.normalizers import Normalizer, measure, point_norm
from kp_metrics.primitives.reduction import Reduction, reduce_values


def difference(keypoints: Tensor, mask: Tensor | None, order: int) -> tuple[Tensor, Tensor]:
    """Return the `order`-th difference over frames, `(..., T - order, K, D)`, and where all its frames are valid."""
    frames = keypoints.shape[-3]
    if frames <= order:
        empty = keypoints[..., :0, :, :]
        return empty, empty.new_zeros(empty.shape[:-1], dtype=torch.bool)
    valid = keypoints.new_ones(keypoints.shape[:-1], dtype=torch.bool) if mask is None else mask
    for _ in range(order):
        keypoints = keypoints[..., 1:, :, :] - keypoints[..., :-1, :, :]
        valid = valid[..., 1:, :] & valid[..., :-1, :]
    return keypoints, valid


def sequence_size(normalizer: Normalizer, keypoints: Tensor, mask: Tensor | None) -> Tensor:
    """Return one size for each sequence, `(..., 1, 1 or D)`: the mean over the frames where there is one, else 0."""
    size = measure(normalizer, keypoints, mask).to(keypoints.dtype)
    missing = size <= 0
    count = (~missing).sum(-2, keepdim=True)
    return size.masked_fill(missing, 0).sum(-2, keepdim=True) / count.clamp(min=1)


def velocity_l1(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"],
    *,
    fps: float = 25.0,
    normalizer: Normalizer = 1.0,
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*out"]:
    """Mean absolute error of the first differences, times fps: `mean |Δp − Δt| · fps / normalizer`.

    Args:
        preds: Predicted keypoints `(..., T, K, D)`.
        target: True keypoints `(..., T, K, D)`.
        fps: Frames a second.
        normalizer: What the error is divided by, measured on the target, one size a sequence; 1 by default.
        mask: `(..., T, K)`, True where a point is valid; a difference needs both its frames.
        reduction: `"mean"`, `"sum"`, `"sequence"` or `"none"` (`(..., T - 1, K)`).

    Returns:
        Units of the input a second, from 0 up; lower is better. NaN where nothing is valid, as with a single frame.

    Raises:
        ValueError: `fps` is not above 0, or the shapes or types do not fit together.

    Example:
        >>> target = torch.zeros(2, 1, 2)
        >>> preds = torch.tensor([[[0.0, 0.0]], [[2.0, 4.0]]])
        >>> velocity_l1(preds, target, fps=25.0)
        tensor(75.)
    """
    check_pair(preds, target, mask)
    check_positive(fps, name="fps")
    preds, target = working_precision(preds), working_precision(target)
    size = sequence_size(normalizer, target, mask)
    error, valid = difference(preds - target, mask, order=1)
    measured = ~(size <= 0).any(-1, keepdim=True)
    values = (error.abs() / size.masked_fill(~measured, 1).unsqueeze(-2)).mean(-1) * fps
    return reduce_values(values, valid & measured, reduction, item_dims=2)


def velocity_ratio(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"],
    *,
    indices: Sequence[int] | None = None,
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*out"]:
    """Root mean square of the predicted over that of the true first differences, within each sequence.

    1 moves as fast as the truth, near 0 stands still; above 1 it trembles, or moves too much. It does not ask whether
    the movement is the right one. Subtract the base point first to leave out where the head goes.

    Args:
        preds: Predicted keypoints `(..., T, K, D)`.
        target: True keypoints `(..., T, K, D)`.
        indices: The points to look at; all by default.
        mask: `(..., T, K)`, True where a point is valid; a difference needs both its frames.
        reduction: `"mean"` or `"sum"` over sequences; `"sequence"` and `"none"` give one value a sequence.

    Returns:
        From 0 up; nearest 1 is best. NaN for a sequence whose true points never move, or with no valid difference; such
        are left out of the mean.

    Raises:
        ValueError: The shapes or types do not fit together, or an index is no point.

    Example:
        >>> target = torch.arange(4.0).reshape(4, 1, 1)
        >>> velocity_ratio(target / 2 + 7, target)
        tensor(0.5000)
    """
    check_pair(preds, target, mask)
    chosen = list(range(target.shape[-2]) if indices is None else indices)
    check_indices(chosen, target, name="indices")
    speeds = []
    for points in (preds, target):
        points = working_precision(points)[..., chosen, :]
        steps, valid = difference(points, None if mask is None else mask[..., chosen], order=1)
        speeds.append(reduce_values(steps.square().sum(-1), valid, "sequence", item_dims=2).sqrt())
    moving = valid.flatten(-2).any(-1) & ~(speeds[1] <= 0)
    return reduce_values(speeds[0] / speeds[1].masked_fill(~moving, 1), moving, reduction, item_dims=0)


def acceleration(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"] | None = None,
    *,
    fps: float = 25.0,
    normalizer: Normalizer = "interocular",
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*out"]:
    """Mean length of the second differences: `mean ‖Δ²p‖ · fps² / IOD`.

    No error: compare it with the ground truth's own.

    Args:
        preds: Keypoints `(..., T, K, D)`.
        target: Keypoints that the normalizer is measured on; those of `preds` by default.
        fps: Frames a second.
        normalizer: What the length is divided by, one size a sequence (the mean over its frames).
        mask: `(..., T, K)`, True where a point is valid; a difference needs all its frames.
        reduction: `"mean"`, `"sum"`, `"sequence"` or `"none"` (`(..., T - 2, K)`).

    Returns:
        Eye distances a second², from 0 up. NaN where nothing is valid, as with fewer than three frames.

    Raises:
        ValueError: `fps` is not above 0, or the shapes or types do not fit together.

    Example:
        >>> steady = torch.arange(4.0).reshape(4, 1, 1).expand(4, 2, 2)
        >>> acceleration(steady, normalizer=1.0)
        tensor(0.)
    """
    return _roughness(preds, target, 2, fps, normalizer, mask, reduction)


def jitter(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"] | None = None,
    *,
    fps: float = 25.0,
    normalizer: Normalizer = "interocular",
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*out"]:
    """Mean length of the third differences: `mean ‖Δ³p‖ · fps³ / IOD`.

    No error: compare it with the ground truth's own. VLOGGER gives it in mm/s³: divide by `normalizer=` pixels a mm.

    Args:
        preds: Keypoints `(..., T, K, D)`.
        target: Keypoints that the normalizer is measured on; those of `preds` by default.
        fps: Frames a second.
        normalizer: What the length is divided by, one size a sequence (the mean over its frames).
        mask: `(..., T, K)`, True where a point is valid; a difference needs all its frames.
        reduction: `"mean"`, `"sum"`, `"sequence"` or `"none"` (`(..., T - 3, K)`).

    Returns:
        Eye distances a second³, from 0 up. NaN where nothing is valid, as with fewer than four frames.

    Raises:
        ValueError: `fps` is not above 0, or the shapes or types do not fit together.

    Example:
        >>> flicker = torch.tensor([0.0, 1.0, 0.0, 1.0]).reshape(4, 1, 1)
        >>> jitter(flicker, fps=1.0, normalizer=1.0)
        tensor(4.)
    """
    return _roughness(preds, target, 3, fps, normalizer, mask, reduction)


def _roughness(
    preds: Tensor,
    target: Tensor | None,
    order: int,
    fps: float,
    normalizer: Normalizer,
    mask: Tensor | None,
    reduction: Reduction,
) -> Tensor:
    if target is None:
        check_keypoints(preds, name="preds")
        check_mask(mask, preds, name="preds")
    else:
        check_pair(preds, target, mask)
    check_positive(fps, name="fps")
    preds = working_precision(preds)
    size = sequence_size(normalizer, preds if target is None else working_precision(target), mask)
    measured = ~(size <= 0).any(-1, keepdim=True)
    change, valid = difference(preds, mask, order)
    values = point_norm(change / size.masked_fill(~measured, 1).unsqueeze(-2)) * fps**order
    return reduce_values(values, valid & measured, reduction, item_dims=2)
