"""Identity error: the mean shape of a face against the reference."""

from collections.abc import Sequence

from kp_metrics.primitives.checks import check_indices, checked_pair
from kp_metrics.primitives.ibug68 import EYE_CORNERS, STABLE_POINTS
from kp_metrics.primitives.normalizers import point_distance, point_norm
from kp_metrics.primitives.procrustes import fit_to_reference, resolve_reference
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.types import Keypoints, Mask, Reference, Values


def identity_error(
    preds: Keypoints,
    target: Keypoints | None = None,
    *,
    reference: Reference | None = None,
    stable: Sequence[int] = STABLE_POINTS,
    eyes: Sequence[int] = EYE_CORNERS,
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return the mean `‖p̄ − r‖` of the mean aligned face and the reference, over its inter-ocular distance.

    Each frame is aligned to the reference by a similarity transform of its stable points. The mean over frames removes
    most of the speech, so that the shape of the face is left. The ground truth is not 0, because people speak with
    another face than that of the reference: compare with its value.

    Args:
        preds: `(..., T, K, D)`. Shared arguments are described in `kp_metrics.functional`.
        target: True keypoints, whose first frame is the reference unless one is given; `preds` by default.
        reference: `(..., K, D)` or `(K, D)`: the person; by default the first frame whose points are all valid.
        reduction: Reduces one value per keypoint, `(..., K)`.

    Returns:
        In eye distances of the reference, from 0 up; lower is better. NaN where nothing is valid; frames with fewer
        than D valid stable points are left out.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> face, other = torch.rand(2, 68, 2, generator=generator) * 100
        >>> nearer = face.expand(5, 68, 2) * 1.2 + 30.0
        >>> identity_error(nearer, reference=face).item() < 1e-6
        True
        >>> identity_error(other.expand(5, 68, 2), reference=face).item() > 0.2
        True
    """
    preds, target = checked_pair(preds, preds if target is None else target, mask)
    stable, eyes = check_indices(preds, stable=stable, eyes=eyes)
    face, found = resolve_reference(reference, target if reference is None else preds, mask)
    eye_distance = point_distance(face.unsqueeze(-3), indices=eyes).flatten(-2).amax(-1)
    found = found & ~(eye_distance <= 0)
    fit = fit_to_reference(preds, face, stable, mask)
    valid = fit.defined.unsqueeze(-1).expand(preds.shape[:-1])
    if mask is not None:
        valid = valid & mask
    count = valid.sum(-2)
    mean = fit(preds).masked_fill(~valid.unsqueeze(-1), 0).sum(-3) / count.clamp(min=1).unsqueeze(-1)
    values = point_norm(mean - face) / eye_distance.masked_fill(~found, 1).unsqueeze(-1)
    return reduce_values(values, (count > 0) & found.unsqueeze(-1), reduction, item_dims=1)
