"""Lip error in the pose-free frame, and the maximal lip error."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.primitives.checks import check_indices, check_pair, working_precision
from kp_metrics.primitives.ibug68 import EYE_CORNERS, MOUTH, STABLE_POINTS
from kp_metrics.primitives.normalizers import point_distance, point_norm
from kp_metrics.primitives.procrustes import fit_similarity, reference_frame, reference_points
from kp_metrics.primitives.reduction import Reduction, reduce_values


def lip_error(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"],
    *,
    reference: Float[Tensor, "*ref k d"] | None = None,
    mouth: Sequence[int] = MOUTH,
    stable: Sequence[int] = STABLE_POINTS,
    eyes: tuple[int, int] = EYE_CORNERS,
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*out"]:
    """Mean `‖p − t‖` of the mouth points without the head's pose, over the reference's inter-ocular distance.

    Each frame of both is aligned by a similarity of its stable points to the reference, so that only the lips' shape
    and place within the face count. Quote it over the same error of the held reference.

    Args:
        preds: Predicted keypoints `(..., T, K, D)`.
        target: True keypoints `(..., T, K, D)`.
        reference: `(..., K, D)` or `(K, D)`; by default the target's first frame whose used points are all valid.
        mouth: Mouth points; iBUG-68's 48 to 67 by default.
        stable: Points that move with the skull alone.
        eyes: Outer eye corners.
        mask: `(..., T, K)`, True where a point is valid.
        reduction: `"mean"`, `"sum"`, `"sequence"` or `"none"`: one value a mouth point, `(..., T, len(mouth))`.

    Returns:
        In eye distances of the reference, from 0 up; lower is better. NaN where nothing is valid; frames with fewer
        than D valid stable points are left out.

    Raises:
        ValueError: The shapes or types do not fit together, or the layout has no such points.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> face = torch.rand(4, 68, 2, generator=generator) * 100
        >>> moved = face * 1.2 + 30.0
        >>> lip_error(moved, face).item() < 1e-6
        True
    """
    check_pair(preds, target, mask)
    for name, indices in (("mouth", mouth), ("stable", stable), ("eyes", eyes)):
        check_indices(indices, target, name=name)
    preds, target = working_precision(preds), working_precision(target)
    lips, skull = list(mouth), list(stable)
    if reference is None:
        used = None if mask is None else mask[..., [*lips, *skull, *eyes]]
        anchor, anchored = reference_frame(target, used)
    else:
        anchor = reference_points(reference, target).to(target.dtype)
        anchored = anchor.new_ones(anchor.shape[:-2], dtype=torch.bool)
    eye_distance = point_distance(anchor.unsqueeze(-3), indices=eyes)
    anchored = anchored & ~(eye_distance <= 0).flatten(-2).any(-1)
    stable_mask = None if mask is None else mask[..., skull]
    fits = [
        fit_similarity(
            points[..., skull, :], anchor[..., None, skull, :].expand_as(points[..., skull, :]), mask=stable_mask
        )
        for points in (preds, target)
    ]
    difference = fits[0](preds[..., lips, :]) - fits[1](target[..., lips, :])
    values = point_norm(difference) / eye_distance.masked_fill(~anchored[..., None, None], 1)
    defined = anchored.unsqueeze(-1) & fits[0].defined & fits[1].defined
    valid = defined.unsqueeze(-1).expand(values.shape) if mask is None else defined.unsqueeze(-1) & mask[..., lips]
    return reduce_values(values, valid, reduction, item_dims=2)


def lve(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"],
    *,
    mouth: Sequence[int] = MOUTH,
    squared: bool = False,
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*out"]:
    """Lip vertex error: the mean over frames of the largest `‖p − t‖` of a mouth point.

    CodeTalker's code and torchmetrics' `LipVertexError` take the squared distance: `squared=True`.

    Args:
        preds: Predicted keypoints `(..., T, K, D)`.
        target: True keypoints `(..., T, K, D)`.
        mouth: Mouth points; iBUG-68's 48 to 67 by default.
        squared: Take ‖p − t‖² instead.
        mask: `(..., T, K)`, True where a point is valid.
        reduction: `"mean"`, `"sum"`, `"sequence"` or `"none"` (one value a frame).

    Returns:
        In the unit of the input (or its square), from 0 up; lower is better. NaN where every mouth point is masked.

    Raises:
        ValueError: The shapes or types do not fit together, or the layout has no such points.

    Example:
        >>> face = torch.zeros(1, 68, 2)
        >>> other = face.clone()
        >>> other[0, 60] = torch.tensor([3.0, 4.0])
        >>> lve(other, face), lve(other, face, squared=True)
        (tensor(5.), tensor(25.))
    """
    check_pair(preds, target, mask)
    check_indices(mouth, target, name="mouth")
    lips = list(mouth)
    distance = point_norm(working_precision(preds)[..., lips, :] - working_precision(target)[..., lips, :])
    if squared:
        distance = distance.square()
    if mask is None:
        return reduce_values(distance.amax(-1), None, reduction, item_dims=1)
    valid = mask[..., lips]
    return reduce_values(distance.masked_fill(~valid, 0).amax(-1), valid.any(-1), reduction, item_dims=1)
