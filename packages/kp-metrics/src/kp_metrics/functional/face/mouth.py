"""Mouth opening, and its correlation, amplitude and closures against the truth."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import max_pool1d

from kp_metrics.primitives.checks import (
    check_choice,
    check_indices,
    check_pair,
    check_positive,
    select,
    working_precision,
)
from kp_metrics.primitives.ibug68 import EYE_CORNERS, INNER_LIP_CENTRES
from kp_metrics.primitives.normalizers import point_distance
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.time_series import CONSTANT_STD, pearson, std_ratio
from kp_metrics.primitives.types import Keypoints, Mask, Values


def opening_series(
    keypoints: Tensor, mask: Tensor | None, lips: Sequence[int], eyes: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Return the mouth opening of each frame, `(..., T)`, and where it is defined."""
    keypoints = working_precision(keypoints)
    lips, eyes = check_indices(keypoints, lips=lips, eyes=eyes)
    eye_distance = point_distance(keypoints, mask, indices=eyes).squeeze(-1)
    valid, lips_valid = ~(eye_distance <= 0), select(mask, lips)
    if lips_valid is not None:
        valid = valid & lips_valid.all(-1)
    opening = point_distance(keypoints, None, indices=lips).squeeze(-1)
    return opening / eye_distance.masked_fill(~valid, 1), valid


def opening_pair(
    preds: Tensor, target: Tensor, mask: Tensor | None, lips: Sequence[int], eyes: Sequence[int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Check the arguments; return predicted and true mouth opening, `(..., T)`, and where both are defined."""
    check_pair(preds, target, mask)
    predicted, valid_preds = opening_series(preds, mask, lips, eyes)
    true, valid_target = opening_series(target, mask, lips, eyes)
    return predicted, true, valid_preds & valid_target


def mouth_opening(
    preds: Keypoints,
    target: Keypoints | None = None,
    *,
    lips: Sequence[int] = INNER_LIP_CENTRES,
    eyes: Sequence[int] = EYE_CORNERS,
    mask: Mask = None,
    reduction: Reduction = "none",
) -> Values:
    """Return the series of the inner lips' distance over the inter-ocular distance of the same frame.

    Args:
        preds: `(..., T, K, D)`. Shared arguments are described in `kp_metrics.functional`.
        reduction: `"none"` gives the series, `"sequence"` its mean, `"mean"` the mean over all frames.

    Returns:
        `(..., T)`, from 0 (closed) up, in eye distances; NaN in frames where one of the four points is masked.

    Example:
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
    preds: Keypoints,
    target: Keypoints,
    *,
    lips: Sequence[int] = INNER_LIP_CENTRES,
    eyes: Sequence[int] = EYE_CORNERS,
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return Pearson's r of the predicted and the true mouth opening within each sequence.

    A constant series (standard deviation below 1e-5 eye distances) scores 0, since it follows nothing.

    Args:
        preds: `(..., T, K, D)`, as `target`. Shared arguments are described in `kp_metrics.functional`.
        reduction: Reduces one value per sequence.

    Returns:
        -1 to 1; higher is better. NaN for a sequence with fewer than two valid frames, which the mean leaves out.

    Example:
        >>> face = torch.zeros(3, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> face[:, 66, 1] = torch.tensor([0.0, 10.0, 20.0])
        >>> wider, constant = face.clone(), face.clone()
        >>> wider[:, 66, 1] *= 1.5
        >>> constant[:, 66, 1] = 7.0
        >>> mouth_correlation(wider, face), mouth_correlation(constant, face)
        (tensor(1.), tensor(0.))
    """
    predicted, true, valid = opening_pair(preds, target, mask, lips, eyes)
    return reduce_values(pearson(predicted, true, valid), valid.sum(-1) >= 2, reduction, item_dims=0)


def mouth_amplitude_ratio(
    preds: Keypoints,
    target: Keypoints,
    *,
    lips: Sequence[int] = INNER_LIP_CENTRES,
    eyes: Sequence[int] = EYE_CORNERS,
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return the standard deviation of the predicted over that of the true mouth opening, within each sequence.

    1 moves as much as the truth; near 0 the mouth has collapsed.

    Args:
        preds: `(..., T, K, D)`, as `target`. Shared arguments are described in `kp_metrics.functional`.
        reduction: Reduces one value per sequence.

    Returns:
        From 0 up; nearest 1 is best. NaN for a sequence whose true mouth never moves (standard deviation below 1e-5
        eye distances) or with fewer than two valid frames; the mean leaves them out.

    Example:
        >>> face = torch.zeros(3, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> face[:, 66, 1] = torch.tensor([0.0, 10.0, 20.0])
        >>> smaller = face.clone()
        >>> smaller[:, 66, 1] /= 2
        >>> mouth_amplitude_ratio(smaller, face)
        tensor(0.5000)
    """
    ratio, moving = std_ratio(*opening_pair(preds, target, mask, lips, eyes))
    return reduce_values(ratio, moving, reduction, item_dims=0)


def closure_f1(
    preds: Keypoints,
    target: Keypoints,
    *,
    threshold: float = 0.1,
    tolerance: int = 2,
    score: str = "f1",
    lips: Sequence[int] = INNER_LIP_CENTRES,
    eyes: Sequence[int] = EYE_CORNERS,
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return the F1 of the frames with a closed mouth, within each sequence.

    A frame is closed where the mouth opening is below the true sequence's minimum plus `threshold` times its range. A
    closed frame counts as found if the other side has one within `tolerance` frames. The hit rate of some papers is
    the recall alone, which a mouth that is always closed maximizes.

    Args:
        preds: `(..., T, K, D)`, as `target`. Shared arguments are described in `kp_metrics.functional`.
        threshold: Fraction of the true range, between 0 and 1.
        tolerance: Frames that a closure may be early or late.
        score: `"f1"`, `"hit_rate"` (recall) or `"precision"`.
        reduction: Reduces one value per sequence.

    Returns:
        0 to 1; higher is better. NaN for a sequence whose true mouth does not move, which the mean leaves out.

    Example:
        >>> face = torch.zeros(6, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> face[:, 66, 1] = torch.tensor([9.0, 9.0, 0.0, 9.0, 9.0, 9.0])
        >>> closed = face.clone()
        >>> closed[:, 66, 1] = 0.0
        >>> closure_f1(closed, face, tolerance=0), closure_f1(closed, face, tolerance=0, score="hit_rate")
        (tensor(0.2857), tensor(1.))
    """
    predicted, true, valid = opening_pair(preds, target, mask, lips, eyes)
    check_choice(score, ("f1", "hit_rate", "precision"), name="score")
    check_positive(threshold=threshold)
    if tolerance < 0:
        raise ValueError(f"expected tolerance of 0 frames or more, got tolerance={tolerance}")
    low = true.masked_fill(~valid, torch.inf).amin(-1, keepdim=True)
    high = true.masked_fill(~valid, -torch.inf).amax(-1, keepdim=True)
    moving = valid.any(-1) & ~(high - low <= CONSTANT_STD).squeeze(-1)
    bound = low + threshold * (high - low)
    closed_preds, closed_target = (predicted < bound) & valid, (true < bound) & valid
    precision = _matched_share(closed_preds, closed_target, tolerance)
    recall = _matched_share(closed_target, closed_preds, tolerance)
    both = precision + recall
    f1 = 2 * precision * recall / both.masked_fill(both == 0, 1)
    values = {"f1": f1, "hit_rate": recall, "precision": precision}[score]
    # A comparison turns NaN into "open": put it back.
    has_nan = ((predicted + true).isnan() & valid).any(-1)
    return reduce_values(values.masked_fill(has_nan, torch.nan), moving, reduction, item_dims=0)


def _matched_share(closed: Tensor, other: Tensor, tolerance: int) -> Tensor:
    """Return the share of closed frames with one of the other side within `tolerance` frames."""
    flat = other.reshape(-1, 1, other.shape[-1]).float()
    near = max_pool1d(flat, 2 * tolerance + 1, stride=1, padding=tolerance).reshape(other.shape) > 0
    return (closed & near).sum(-1) / closed.sum(-1).clamp(min=1)
