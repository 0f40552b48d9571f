"""Whether the mouth closes when it should."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import max_pool1d

from kp_metrics.functional.face.mouth import opening_series
from kp_metrics.primitives.checks import check_choice, check_pair, check_positive
from kp_metrics.primitives.ibug68 import EYE_CORNERS, INNER_LIP_CENTRES
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.time_series import CONSTANT_STD


def closure_f1(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"],
    *,
    threshold: float = 0.1,
    tolerance: int = 2,
    score: str = "f1",
    lips: tuple[int, int] = INNER_LIP_CENTRES,
    eyes: tuple[int, int] = EYE_CORNERS,
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*out"]:
    """F1 of the frames with a closed mouth, within each sequence, and its mean over sequences.

    A frame is closed where the mouth opening is below the true sequence's minimum plus `threshold` times its range. A
    closed frame is found if the other side has one within `tolerance` frames. The hit rate of some papers is the
    recall alone, which a mouth that is always closed wins.

    Args:
        preds: Predicted keypoints `(..., T, K, D)`.
        target: True keypoints `(..., T, K, D)`.
        threshold: Share of the true range, between 0 and 1.
        tolerance: Frames that a closure may be early or late.
        score: `"f1"`, `"hit_rate"` (recall) or `"precision"`.
        lips: Upper and lower lip point; iBUG-68's 62 and 66 by default.
        eyes: Outer eye corners; iBUG-68's 36 and 45 by default.
        mask: `(..., T, K)`, True where a point is valid.
        reduction: `"mean"` or `"sum"` over sequences; `"sequence"` and `"none"` give one value a sequence.

    Returns:
        0 to 1; higher is better. NaN for a sequence whose true mouth does not move; such are left out of the mean.

    Raises:
        ValueError: An option is out of its range, or the shapes or types do not fit together.

    Example:
        >>> face = torch.zeros(6, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> face[:, 66, 1] = torch.tensor([9.0, 9.0, 0.0, 9.0, 9.0, 9.0])
        >>> closed = face.clone()
        >>> closed[:, 66, 1] = 0.0
        >>> closure_f1(closed, face, tolerance=0), closure_f1(closed, face, tolerance=0, score="hit_rate")
        (tensor(0.2857), tensor(1.))
    """
    check_pair(preds, target, mask)
    check_choice(score, ("f1", "hit_rate", "precision"), name="score")
    check_positive(threshold, name="threshold")
    if tolerance < 0:
        raise ValueError(f"expected tolerance of 0 frames or more, got tolerance={tolerance}")
    predicted, valid_preds = opening_series(preds, mask, lips, eyes)
    true, valid_target = opening_series(target, mask, lips, eyes)
    valid = valid_preds & valid_target
    low = true.masked_fill(~valid, torch.inf).amin(-1, keepdim=True)
    high = true.masked_fill(~valid, -torch.inf).amax(-1, keepdim=True)
    moving = valid.any(-1) & ~(high - low <= CONSTANT_STD).squeeze(-1)
    bound = low + threshold * (high - low)
    closed_preds, closed_target = (predicted < bound) & valid, (true < bound) & valid
    precision = _share(closed_preds, _near(closed_target, tolerance))
    recall = _share(closed_target, _near(closed_preds, tolerance))
    both = precision + recall
    f1 = 2 * precision * recall / both.masked_fill(both == 0, 1)
    values = {"f1": f1, "hit_rate": recall, "precision": precision}[score]
    # A comparison turns NaN into "open": hand it on.
    poisoned = ((predicted + true).isnan() & valid).any(-1)
    return reduce_values(values.masked_fill(poisoned, torch.nan), moving, reduction, item_dims=0)


def _near(closed: Tensor, tolerance: int) -> Tensor:
    flat = closed.reshape(-1, 1, closed.shape[-1]).float()
    return max_pool1d(flat, 2 * tolerance + 1, stride=1, padding=tolerance).reshape(closed.shape) > 0


def _share(closed: Tensor, near: Tensor) -> Tensor:
    return (closed & near).sum(-1) / closed.sum(-1).clamp(min=1)
