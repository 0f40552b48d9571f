"""Lip error in the reference pose, and the maximal lip error (LVE)."""

from collections.abc import Sequence

from kp_metrics.primitives.checks import check_indices, checked_pair, select
from kp_metrics.primitives.ibug68 import EYE_CORNERS, MOUTH, STABLE_POINTS
from kp_metrics.primitives.normalizers import point_distance, point_norm
from kp_metrics.primitives.procrustes import fit_to_reference, resolve_reference
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.types import Keypoints, Mask, Reference, Values


def lip_error(
    preds: Keypoints,
    target: Keypoints,
    *,
    reference: Reference | None = None,
    mouth: Sequence[int] = MOUTH,
    stable: Sequence[int] = STABLE_POINTS,
    eyes: Sequence[int] = EYE_CORNERS,
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return the mean `‖p − t‖` of the mouth points without head pose, over the reference's inter-ocular distance.

    Each frame of both is aligned to the reference by a similarity transform of its stable points, so that only the
    lips' shape and position within the face count. Report it relative to the same error of the held reference.

    Args:
        preds: `(..., T, K, D)`, as `target`. Shared arguments are described in `kp_metrics.functional`.
        reference: `(..., K, D)` or `(K, D)`; by default the target's first frame whose used points are all valid.
        reduction: Reduces one value per mouth point, `(..., T, len(mouth))`.

    Returns:
        In eye distances of the reference, from 0 up; lower is better. NaN where nothing is valid; frames with fewer
        than D valid stable points are left out.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> face = torch.rand(4, 68, 2, generator=generator) * 100
        >>> moved = face * 1.2 + 30.0
        >>> lip_error(moved, face).item() < 1e-6
        True
    """
    preds, target = checked_pair(preds, target, mask)
    mouth, stable, eyes = check_indices(target, mouth=mouth, stable=stable, eyes=eyes)
    face, found = resolve_reference(reference, target, select(mask, [*mouth, *stable, *eyes]))
    eye_distance = point_distance(face.unsqueeze(-3), indices=eyes)
    found = found & ~(eye_distance <= 0).flatten(-2).any(-1)
    fits = [fit_to_reference(points, face, stable, mask) for points in (preds, target)]
    difference = fits[0](preds[..., list(mouth), :]) - fits[1](target[..., list(mouth), :])
    values = point_norm(difference) / eye_distance.masked_fill(~found[..., None, None], 1)
    defined = (found.unsqueeze(-1) & fits[0].defined & fits[1].defined).unsqueeze(-1)
    return reduce_values(values, defined if mask is None else defined & mask[..., list(mouth)], reduction, item_dims=2)


def lve(
    preds: Keypoints,
    target: Keypoints,
    *,
    mouth: Sequence[int] = MOUTH,
    squared: bool = False,
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return the lip vertex error: the mean over frames of the largest `‖p − t‖` of a mouth point.

    CodeTalker's code and torchmetrics' `LipVertexError` use the squared distance: `squared=True`.

    Args:
        preds: `(..., T, K, D)`, as `target`. Shared arguments are described in `kp_metrics.functional`.
        squared: Use ‖p − t‖² instead.
        reduction: Reduces one value per frame.

    Returns:
        In the unit of the input (or its square), from 0 up; lower is better. NaN where every mouth point is masked.

    Example:
        >>> face = torch.zeros(1, 68, 2)
        >>> other = face.clone()
        >>> other[0, 60] = torch.tensor([3.0, 4.0])
        >>> lve(other, face), lve(other, face, squared=True)
        (tensor(5.), tensor(25.))
    """
    preds, target = checked_pair(preds, target, mask)
    (mouth,) = check_indices(target, mouth=mouth)
    distance = point_norm(preds[..., list(mouth), :] - target[..., list(mouth), :])
    if squared:
        distance = distance.square()
    valid = select(mask, mouth)
    if valid is None:
        return reduce_values(distance.amax(-1), None, reduction, item_dims=1)
    return reduce_values(distance.masked_fill(~valid, 0).amax(-1), valid.any(-1), reduction, item_dims=1)
