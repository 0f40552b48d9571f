"""Landmark distance of talking-face papers: LMD, F-LMD, M-LMD."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kp_metrics.primitives.checks import check_indices, check_positive, checked_pair, select
from kp_metrics.primitives.normalizers import point_norm
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.types import Keypoints, Mask, Values


def lmd(
    preds: Keypoints,
    target: Keypoints,
    *,
    indices: Sequence[int] | None = None,
    centre: bool = True,
    sum_points: bool = False,
    scale: float = 1.0,
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return the landmark distance: mean `‖p − t‖` over frames and points, each frame centred on its mean point.

    With all points this is F-LMD, with `indices=range(48, 68)` of iBUG-68 M-LMD. Papers give it in pixels of a 256 px
    crop of the face. ATVGnet's code sums over the points and does not centre: `sum_points=True, centre=False`.

    Args:
        preds: `(..., T, K, D)`, as `target`. Shared arguments are described in `kp_metrics.functional`.
        indices: Points to compare and to centre on; all by default.
        centre: Subtract each frame's mean over the compared points.
        sum_points: Sum over the points of a frame, then mean over frames; frames with a masked point are left out.
        scale: Pixels of the crop per unit of the input: `256 / side` for a face box with that side.
        reduction: Reduces one distance per point, or per frame with `sum_points`.

    Returns:
        In the unit of the input times `scale`, from 0 up; lower is better. NaN where nothing is valid.

    Example:
        >>> target = torch.tensor([[[0.0, 0.0], [10.0, 0.0]]])
        >>> preds = torch.tensor([[[5.0, 0.0], [21.0, 0.0]]])
        >>> lmd(preds, target), lmd(preds, target, sum_points=True, centre=False)
        (tensor(3.), tensor(16.))
    """
    preds, target = checked_pair(preds, target, mask)
    check_positive(scale=scale)
    if indices is not None:
        (indices,) = check_indices(target, indices=indices)
        preds, target, mask = preds[..., list(indices), :], target[..., list(indices), :], select(mask, indices)
    difference = preds - target
    if centre:
        # The difference of the centred frames is the centred difference.
        difference = difference - _mean_point(difference, mask)
    distance = point_norm(difference) * scale
    if not sum_points:
        return reduce_values(distance, mask, reduction, item_dims=2)
    return reduce_values(distance.sum(-1), None if mask is None else mask.all(-1), reduction, item_dims=1)


def _mean_point(points: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return points.mean(-2, keepdim=True)
    total = points.masked_fill(~mask.unsqueeze(-1), 0).sum(-2, keepdim=True)
    return total / torch.clamp(mask.sum(-1), min=1)[..., None, None]
