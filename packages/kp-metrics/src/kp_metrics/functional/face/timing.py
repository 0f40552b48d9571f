"""How early or late the mouth moves: mean temporal misalignment."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.functional.face.mouth import opening_series
from kp_metrics.functional.face.time_warping import local_extrema, match_extrema, smooth
from kp_metrics.primitives.checks import check_pair, check_positive
from kp_metrics.primitives.ibug68 import EYE_CORNERS, INNER_LIP_CENTRES
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.time_series import CONSTANT_STD, masked_std


def mtm(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"],
    *,
    fps: float = 25.0,
    smoothing: float = 2.0,
    lips: tuple[int, int] = INNER_LIP_CENTRES,
    eyes: tuple[int, int] = EYE_CORNERS,
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*out"]:
    """Mean temporal misalignment: the mean timing error of matched extrema of the mouth opening, in milliseconds.

    The openings are smoothed by a Gaussian and aligned by dynamic time warping of their first differences. Where the
    path pairs a true with a predicted extremum of the same kind, and the predicted one lies between the neighbours
    of the true one, their distance in time counts (arXiv 2503.20308).

    Args:
        preds: Predicted keypoints `(..., T, K, D)`.
        target: True keypoints `(..., T, K, D)`.
        fps: Frames a second.
        smoothing: Standard deviation of the Gaussian, frames.
        lips: Upper and lower lip point; iBUG-68's 62 and 66 by default.
        eyes: Outer eye corners; iBUG-68's 36 and 45 by default.
        mask: `(..., T, K)`, True where a point is valid; frames without the four points are passed over.
        reduction: `"mean"` or `"sum"` over sequences; `"sequence"` and `"none"` give one value a sequence.

    Returns:
        Milliseconds, from 0 up; lower is better. NaN for a sequence where no extremum was matched, such as one whose
        predicted mouth does not move; such are left out of the mean.

    Raises:
        ValueError: An option is out of its range, or the shapes or types do not fit together.

    Example:
        >>> time = torch.arange(50.0)
        >>> face = torch.zeros(50, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> late = face.clone()
        >>> face[:, 66, 1] = 10 + 10 * torch.sin(time / 4)
        >>> late[:, 66, 1] = 10 + 10 * torch.sin((time - 1) / 4)
        >>> mtm(late, face, fps=25.0)
        tensor(40.)
    """
    check_pair(preds, target, mask)
    check_positive(fps, name="fps")
    check_positive(smoothing, name="smoothing")
    predicted, valid_preds = opening_series(preds, mask, lips, eyes)
    true, valid_target = opening_series(target, mask, lips, eyes)
    valid = valid_preds & valid_target
    moving = (masked_std(predicted, valid) > CONSTANT_STD) & (masked_std(true, valid) > CONSTANT_STD)
    poisoned = ((predicted + true).isnan() & valid).any(-1)

    # Valid frames move to the front, so that gaps and padding shorten a sequence instead of bending the path.
    order = (~valid).to(torch.uint8).argsort(dim=-1, stable=True)
    length = valid.sum(-1)
    usable = torch.gather(valid, -1, order)
    series = [torch.gather(values, -1, order).masked_fill(~usable, 0) for values in (true, predicted)]
    smoothed = [smooth(values.nan_to_num(), usable, smoothing) for values in series]
    kinds = [local_extrema(values, usable) for values in smoothed]
    total, count = match_extrema(smoothed, kinds, order, length)
    values = total / count.clamp(min=1) * (1000 / fps)
    defined = (count > 0) & moving
    return reduce_values(values.masked_fill(poisoned, torch.nan), defined | poisoned, reduction, item_dims=0)
