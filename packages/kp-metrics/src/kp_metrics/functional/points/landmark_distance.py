"""Landmark distance of talking-face papers: LMD, F-LMD, M-LMD."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.primitives.checks import check_indices, check_pair, check_positive, working_precision
from kp_metrics.primitives.normalizers import point_norm
from kp_metrics.primitives.reduction import Reduction, reduce_values


def lmd(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"],
    *,
    indices: Sequence[int] | None = None,
    centre: bool = True,
    sum_points: bool = False,
    scale: float = 1.0,
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*out"]:
    """Landmark distance: the mean over frames and points of `‖p − t‖`, each frame centred on its mean point.

    With all points this is F-LMD, with `indices=kp_metrics.primitives.ibug68.MOUTH` M-LMD. Papers give it in pixels of a 256 px
    crop of the face. ATVGnet's code adds up the points and does not centre: `sum_points=True, centre=False`.

    Args:
        preds: Predicted keypoints `(..., T, K, D)`.
        target: True keypoints `(..., T, K, D)`.
        indices: Points to compare (and to centre on); all by default.
        centre: Subtract each frame's mean over the compared points.
        sum_points: Sum over the points of a frame, then mean over frames; frames with a masked point are left out.
        scale: Pixels of the crop for a unit of the input: `256 / side` for a face box with that side.
        mask: `(..., T, K)`, True where a point is valid.
        reduction: `"mean"`, `"sum"`, `"sequence"` or `"none"` (one distance a point, or a frame with `sum_points`).

    Returns:
        In the unit of the input times `scale`, from 0 up; lower is better. NaN where nothing is valid.

    Raises:
        ValueError: `scale` is not above 0, an index is no point, or the shapes or types do not fit together.

    Example:
        >>> target = torch.tensor([[[0.0, 0.0], [10.0, 0.0]]])
        >>> preds = torch.tensor([[[5.0, 0.0], [21.0, 0.0]]])
        >>> lmd(preds, target), lmd(preds, target, sum_points=True, centre=False)
        (tensor(3.), tensor(16.))
    """
    check_pair(preds, target, mask)
    check_positive(scale, name="scale")
    preds, target = working_precision(preds), working_precision(target)
    if indices is not None:
        check_indices(indices, target, name="indices")
        chosen = list(indices)
        preds, target = preds[..., chosen, :], target[..., chosen, :]
        mask = None if mask is None else mask[..., chosen]
    difference = preds - target
    if centre:
        # The difference of the centred frames is the centred difference.
        difference = difference - _mean_point(difference, mask)
    distance = point_norm(difference) * scale
    if not sum_points:
        return reduce_values(distance, mask, reduction, item_dims=2)
    whole = None if mask is None else mask.all(-1)
    return reduce_values(distance.sum(-1), whole, reduction, item_dims=1)


def _mean_point(points: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return points.mean(-2, keepdim=True)
    total = points.masked_fill(~mask.unsqueeze(-1), 0).sum(-2, keepdim=True)
    return total / torch.clamp(mask.sum(-1), min=1)[..., None, None]
