"""Whether the face stays the person's: its mean shape against the reference."""

from collections.abc import Sequence

from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.primitives.checks import check_indices, check_pair, working_precision
from kp_metrics.primitives.ibug68 import EYE_CORNERS, STABLE_POINTS
from kp_metrics.primitives.normalizers import point_distance, point_norm
from kp_metrics.primitives.procrustes import fit_similarity, reference_frame, reference_points
from kp_metrics.primitives.reduction import Reduction, reduce_values


def identity_error(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"] | None = None,
    *,
    reference: Float[Tensor, "*ref k d"] | None = None,
    stable: Sequence[int] = STABLE_POINTS,
    eyes: tuple[int, int] = EYE_CORNERS,
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*out"]:
    """Mean `‖p̄ − r‖` of the mean pose-free face and the reference, over the reference's inter-ocular distance.

    Each frame is aligned to the reference by a similarity of its stable points; the mean over frames takes most of the
    speech out, so that what is left is the shape of the face. No error in the strict sense: the truth has one too,
    because people speak with another face than that of the reference. Compare with it.

    Args:
        preds: Keypoints `(..., T, K, D)`.
        target: True keypoints `(..., T, K, D)`, whose first frame is the reference unless one is given; those of
            `preds` by default.
        reference: `(..., K, D)` or `(K, D)`: the person; by default the first frame whose points are all valid.
        stable: Points that move with the skull alone.
        eyes: Outer eye corners.
        mask: `(..., T, K)`, True where a point is valid.
        reduction: `"mean"`, `"sum"`, `"sequence"` or `"none"`: one value a keypoint, `(..., K)`.

    Returns:
        In eye distances of the reference, from 0 up; lower is better. NaN where nothing is valid; frames with fewer
        than D valid stable points are left out.

    Raises:
        ValueError: The shapes or types do not fit together, or the layout has no such points.

    Example:
        >>> import torch
        >>> generator = torch.Generator().manual_seed(0)
        >>> face, other = torch.rand(2, 68, 2, generator=generator) * 100
        >>> nearer = face.expand(5, 68, 2) * 1.2 + 30.0
        >>> identity_error(nearer, reference=face).item() < 1e-6
        True
        >>> identity_error(other.expand(5, 68, 2), reference=face).item() > 0.2
        True
    """
    target = preds if target is None else target
    check_pair(preds, target, mask)
    for name, indices in (("stable", stable), ("eyes", eyes)):
        check_indices(indices, preds, name=name)
    preds, target = working_precision(preds), working_precision(target)
    skull = list(stable)
    if reference is None:
        anchor, anchored = reference_frame(target, mask)
    else:
        anchor = reference_points(reference, target).to(preds.dtype)
        anchored = anchor.new_ones(anchor.shape[:-2]).bool()
    eye_distance = point_distance(anchor.unsqueeze(-3), indices=eyes).flatten(-2).amax(-1)
    anchored = anchored & ~(eye_distance <= 0)
    source = preds[..., skull, :]
    fit = fit_similarity(
        source, anchor[..., None, skull, :].expand_as(source), mask=None if mask is None else mask[..., skull]
    )
    valid = fit.defined.unsqueeze(-1).expand(preds.shape[:-1])
    if mask is not None:
        valid = valid & mask
    count = valid.sum(-2)
    mean = fit(preds).masked_fill(~valid.unsqueeze(-1), 0).sum(-3) / count.clamp(min=1).unsqueeze(-1)
    values = point_norm(mean - anchor) / eye_distance.masked_fill(~anchored, 1).unsqueeze(-1)
    return reduce_values(values, (count > 0) & anchored.unsqueeze(-1), reduction, item_dims=1)
