"""Velocity, acceleration and jitter: differences over time."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kp_metrics.primitives.checks import check_indices, check_positive, checked_pair, select
from kp_metrics.primitives.normalizers import Normalizer, measure, point_norm, usable_size
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.types import Keypoints, Mask, Values


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
    """Return one size per sequence, `(..., 1, 1 or D)`: the mean over the frames that have one, else 0."""
    size = measure(normalizer, keypoints, mask).to(keypoints.dtype)
    missing = size <= 0
    count = (~missing).sum(-2, keepdim=True)
    return size.masked_fill(missing, 0).sum(-2, keepdim=True) / count.clamp(min=1)


def velocity_l1(
    preds: Keypoints,
    target: Keypoints,
    *,
    fps: float = 25.0,
    normalizer: Normalizer = 1.0,
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return the mean absolute error of the first differences, times fps: `mean |Δp − Δt| · fps / normalizer`.

    Args:
        preds: `(..., T, K, D)`, as `target`. Shared arguments are described in `kp_metrics.functional`.
        normalizer: Measured on the target, one size per sequence; 1 by default.
        mask: `(..., T, K)`, True where a point is valid; a difference needs both its frames.
        reduction: Reduces one value per point, `(..., T - 1, K)`.

    Returns:
        Units of the input per second, from 0 up; lower is better. NaN where nothing is valid, as with a single frame.

    Example:
        >>> target = torch.zeros(2, 1, 2)
        >>> preds = torch.tensor([[[0.0, 0.0]], [[2.0, 4.0]]])
        >>> velocity_l1(preds, target, fps=25.0)
        tensor(75.)
    """
    preds, target = checked_pair(preds, target, mask)
    check_positive(fps=fps)
    size, defined = usable_size(sequence_size(normalizer, target, mask))
    error, valid = difference(preds - target, mask, order=1)
    values = (error.abs() / size.unsqueeze(-2)).mean(-1) * fps
    return reduce_values(values, valid & defined, reduction, item_dims=2)


def velocity_ratio(
    preds: Keypoints,
    target: Keypoints,
    *,
    indices: Sequence[int] | None = None,
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return the root mean square of the predicted over that of the true first differences, within each sequence.

    1 moves as fast as the truth, near 0 stands still; above 1 it jitters or moves too much. It does not measure whether
    the movement is the right one. Subtract the base point first to exclude head translation.

    Args:
        preds: `(..., T, K, D)`, as `target`. Shared arguments are described in `kp_metrics.functional`.
        indices: Points to use; all by default.
        mask: `(..., T, K)`, True where a point is valid; a difference needs both its frames.
        reduction: Reduces one value per sequence.

    Returns:
        From 0 up; nearest 1 is best. NaN for a sequence whose true points never move, or without a valid difference;
        the mean leaves it out.

    Example:
        >>> target = torch.arange(4.0).reshape(4, 1, 1)
        >>> velocity_ratio(target / 2 + 7, target)
        tensor(0.5000)
    """
    preds, target = checked_pair(preds, target, mask)
    chosen = list(range(target.shape[-2]) if indices is None else indices)
    check_indices(target, indices=chosen)
    speeds = []
    for points in (preds, target):
        steps, valid = difference(points[..., chosen, :], select(mask, chosen), order=1)
        speeds.append(reduce_values(steps.square().sum(-1), valid, "sequence", item_dims=2).sqrt())
    moving = valid.flatten(-2).any(-1) & ~(speeds[1] <= 0)
    return reduce_values(speeds[0] / speeds[1].masked_fill(~moving, 1), moving, reduction, item_dims=0)


def acceleration(
    preds: Keypoints,
    target: Keypoints | None = None,
    *,
    fps: float = 25.0,
    normalizer: Normalizer = "interocular",
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return the mean length of the second differences: `mean ‖Δ²p‖ · fps² / IOD`.

    This is not an error: compare it with the ground truth's value.

    Args:
        preds: `(..., T, K, D)`. Shared arguments are described in `kp_metrics.functional`.
        target: Keypoints on which the normalizer is measured; `preds` by default.
        normalizer: One size per sequence, the mean over its frames.
        mask: `(..., T, K)`, True where a point is valid; a difference needs all its frames.
        reduction: Reduces one value per point, `(..., T - 2, K)`.

    Returns:
        Eye distances per second², from 0 up. NaN where nothing is valid, as with fewer than three frames.

    Example:
        >>> steady = torch.arange(4.0).reshape(4, 1, 1).expand(4, 2, 2)
        >>> acceleration(steady, normalizer=1.0)
        tensor(0.)
    """
    return reduce_values(*_difference_length(preds, target, 2, fps, normalizer, mask), reduction, item_dims=2)


def jitter(
    preds: Keypoints,
    target: Keypoints | None = None,
    *,
    fps: float = 25.0,
    normalizer: Normalizer = "interocular",
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return the mean length of the third differences: `mean ‖Δ³p‖ · fps³ / IOD`.

    As `acceleration`, with `(..., T - 3, K)` values. VLOGGER reports mm/s³: divide by `normalizer=` pixels per mm.

    Args:
        preds: `(..., T, K, D)`. Shared arguments are described in `kp_metrics.functional`.
        target: Keypoints on which the normalizer is measured; `preds` by default.

    Returns:
        Eye distances per second³, from 0 up. NaN where nothing is valid, as with fewer than four frames.

    Example:
        >>> flicker = torch.tensor([0.0, 1.0, 0.0, 1.0]).reshape(4, 1, 1)
        >>> jitter(flicker, fps=1.0, normalizer=1.0)
        tensor(4.)
    """
    return reduce_values(*_difference_length(preds, target, 3, fps, normalizer, mask), reduction, item_dims=2)


def _difference_length(
    preds: Tensor, target: Tensor | None, order: int, fps: float, normalizer: Normalizer, mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    preds, target = checked_pair(preds, preds if target is None else target, mask)
    check_positive(fps=fps)
    size, defined = usable_size(sequence_size(normalizer, target, mask))
    change, valid = difference(preds, mask, order)
    return point_norm(change / size.unsqueeze(-2)) * fps**order, valid & defined
