"""Mouth closures: F1, hit rate and precision of closed frames."""

import torch
from torch import Tensor
from torch.nn.functional import max_pool1d

from kp_metrics.functional.face.mouth import opening_pair
from kp_metrics.primitives.checks import check_choice, check_positive
from kp_metrics.primitives.ibug68 import EYE_CORNERS, INNER_LIP_CENTRES
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.time_series import CONSTANT_STD
from kp_metrics.primitives.types import Keypoints, Mask, Values


def closure_f1(
    preds: Keypoints,
    target: Keypoints,
    *,
    threshold: float = 0.1,
    tolerance: int = 2,
    score: str = "f1",
    lips: tuple[int, int] = INNER_LIP_CENTRES,
    eyes: tuple[int, int] = EYE_CORNERS,
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

    Raises:
        ValueError: An option is out of range, or shapes or types do not match.

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
    check_positive(threshold, name="threshold")
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
