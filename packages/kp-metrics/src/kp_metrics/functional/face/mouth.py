"""How far the mouth is open, and whether it opens when it should."""

from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.primitives.checks import check_pair, working_precision
from kp_metrics.primitives.ibug68 import EYE_CORNERS, INNER_LIP_CENTRES
from kp_metrics.primitives.normalizers import point_distance
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.time_series import CONSTANT_STD, masked_std, pearson


def opening_series(
    keypoints: Tensor, mask: Tensor | None, lips: tuple[int, int], eyes: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Return the mouth opening of each frame, `(..., T)`, and where it is defined."""
    keypoints = working_precision(keypoints)
    eye_distance = point_distance(keypoints, mask, indices=eyes).squeeze(-1)
    valid = ~(eye_distance <= 0)
    if mask is not None:
        valid = valid & mask[..., lips[0]] & mask[..., lips[1]]
    opening = point_distance(keypoints, None, indices=lips).squeeze(-1)
    return opening / eye_distance.masked_fill(~valid, 1), valid


def mouth_opening(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"] | None = None,
    *,
    lips: tuple[int, int] = INNER_LIP_CENTRES,
    eyes: tuple[int, int] = EYE_CORNERS,
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "none",
) -> Float[Tensor, "*out"]:
    """Distance of the inner lips' centres over the inter-ocular distance of the same frame: a series.

    Args:
        preds: Keypoints `(..., T, K, D)`.
        target: Not used but for its shape; every metric takes it.
        lips: Upper and lower lip point; iBUG-68's 62 and 66 by default.
        eyes: Outer eye corners; iBUG-68's 36 and 45 by default.
        mask: `(..., T, K)`, True where a point is valid.
        reduction: `"none"` gives the series, `"sequence"` its mean, `"mean"` the mean over all frames.

    Returns:
        `(..., T)`, from 0 (closed) up, in eye distances; NaN in frames where one of the four points is masked.

    Raises:
        ValueError: The shape or type does not fit, or the layout has no such points.

    Example:
        >>> import torch
        >>> face = torch.zeros(2, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> face[1, 66, 1] = 20.0
        >>> mouth_opening(face)
        tensor([0.0000, 0.2000])
    """
    check_pair(preds, preds if target is None else target, mask)
    series, valid = opening_series(preds, mask, lips, eyes)
    return reduce_values(series, valid, reduction, item_dims=1)


def mouth_correlation(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"],
    *,
    lips: tuple[int, int] = INNER_LIP_CENTRES,
    eyes: tuple[int, int] = EYE_CORNERS,
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*out"]:
    """Pearson's r of the predicted and the true mouth opening within each sequence, and its mean over sequences.

    A series that is constant (its standard deviation is below 1e-5 eye distances) scores 0: a mouth that never moves
    follows nothing.

    Args:
        preds: Predicted keypoints `(..., T, K, D)`.
        target: True keypoints `(..., T, K, D)`.
        lips: Upper and lower lip point; iBUG-68's 62 and 66 by default.
        eyes: Outer eye corners; iBUG-68's 36 and 45 by default.
        mask: `(..., T, K)`, True where a point is valid.
        reduction: `"mean"` or `"sum"` over sequences; `"sequence"` and `"none"` give one value a sequence.

    Returns:
        -1 to 1; higher is better. NaN for a sequence with fewer than two valid frames; such are left out of the mean.

    Raises:
        ValueError: The shapes or types do not fit together, or the layout has no such points.

    Example:
        >>> import torch
        >>> face = torch.zeros(3, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> face[:, 66, 1] = torch.tensor([0.0, 10.0, 20.0])
        >>> wider, held = face.clone(), face.clone()
        >>> wider[:, 66, 1] *= 1.5
        >>> held[:, 66, 1] = 7.0
        >>> mouth_correlation(wider, face), mouth_correlation(held, face)
        (tensor(1.), tensor(0.))
    """
    check_pair(preds, target, mask)
    predicted, valid_preds = opening_series(preds, mask, lips, eyes)
    true, valid_target = opening_series(target, mask, lips, eyes)
    valid = valid_preds & valid_target
    r = pearson(predicted, true, valid)
    return reduce_values(r, valid.sum(-1) >= 2, reduction, item_dims=0)


def mouth_amplitude_ratio(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"],
    *,
    lips: tuple[int, int] = INNER_LIP_CENTRES,
    eyes: tuple[int, int] = EYE_CORNERS,
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*out"]:
    """Standard deviation of the predicted over that of the true mouth opening, within each sequence.

    1 moves as much as the truth; near 0 the mouth has collapsed.

    Args:
        preds: Predicted keypoints `(..., T, K, D)`.
        target: True keypoints `(..., T, K, D)`.
        lips: Upper and lower lip point; iBUG-68's 62 and 66 by default.
        eyes: Outer eye corners; iBUG-68's 36 and 45 by default.
        mask: `(..., T, K)`, True where a point is valid.
        reduction: `"mean"` or `"sum"` over sequences; `"sequence"` and `"none"` give one value a sequence.

    Returns:
        From 0 up; nearest 1 is best. NaN for a sequence whose true mouth never moves (standard deviation below 1e-5
        eye distances) or with fewer than two valid frames; such are left out of the mean.

    Raises:
        ValueError: The shapes or types do not fit together, or the layout has no such points.

    Example:
        >>> import torch
        >>> face = torch.zeros(3, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> face[:, 66, 1] = torch.tensor([0.0, 10.0, 20.0])
        >>> smaller = face.clone()
        >>> smaller[:, 66, 1] /= 2
        >>> mouth_amplitude_ratio(smaller, face)
        tensor(0.5000)
    """
    check_pair(preds, target, mask)
    predicted, valid_preds = opening_series(preds, mask, lips, eyes)
    true, valid_target = opening_series(target, mask, lips, eyes)
    valid = valid_preds & valid_target
    true_std = masked_std(true, valid)
    moving = (valid.sum(-1) >= 2) & ~(true_std <= CONSTANT_STD)
    ratio = masked_std(predicted, valid) / true_std.masked_fill(~moving, 1)
    return reduce_values(ratio, moving, reduction, item_dims=0)
