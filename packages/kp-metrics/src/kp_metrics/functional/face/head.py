"""Head pose: without it, as a series, and its amplitude against the truth."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from kp_metrics.primitives.checks import (
    check_choice,
    check_indices,
    check_keypoints,
    check_mask,
    checked_pair,
    select,
    working_precision,
)
from kp_metrics.primitives.ibug68 import (
    BASE_POINT,
    EYE_CORNERS,
    STABLE_POINTS,
    WFLW98_BASE_POINT,
    WFLW98_POINTS,
    FacePoints,
)
from kp_metrics.primitives.normalizers import point_distance
from kp_metrics.primitives.procrustes import fit_similarity, fit_to_reference, reference_points, resolve_reference
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.time_series import std_ratio
from kp_metrics.primitives.types import Keypoints, Mask, Reference, Values

#: Components of a head pose for D = 2 and D = 3, in the order of `head_pose`.
HEAD_COMPONENTS: dict[int, tuple[str, ...]] = {
    2: ("tx", "ty", "roll", "log_scale"),
    3: ("tx", "ty", "yaw", "pitch", "roll", "log_scale"),
}


def align_to_reference(
    keypoints: Keypoints, reference: Reference, *, indices: Sequence[int] = STABLE_POINTS, mask: Mask = None
) -> Keypoints:
    """Remove the head pose: align each frame to the reference by a similarity transform of its stable points.

    Args:
        keypoints: `(..., T, K, D)`.
        reference: `(..., K, D)`, or `(K, D)` for all sequences.
        indices: Points that move only with the skull; by default iBUG-68's nose and eye corners.
        mask: `(..., T, K)`, True where a point is valid; only valid stable points are fitted.

    Returns:
        `(..., T, K, D)` in the coordinates of the reference; NaN in frames with fewer than D valid stable points.

    Example:
        >>> reference = torch.rand(68, 2, generator=torch.Generator().manual_seed(0)) * 100
        >>> nearer = reference.expand(3, 68, 2) * 1.5 + 20
        >>> torch.allclose(align_to_reference(nearer, reference), reference, atol=1e-4)
        True
    """
    check_keypoints(keypoints)
    check_mask(mask, keypoints, name="keypoints")
    (indices,) = check_indices(keypoints, indices=indices)
    keypoints = working_precision(keypoints)
    fit = fit_to_reference(keypoints, reference_points(reference, keypoints).to(keypoints.dtype), indices, mask)
    return fit(keypoints).masked_fill(~fit.defined[..., None, None], torch.nan)


def head_pose_series(
    keypoints: Tensor, reference: Tensor, mask: Tensor | None, stable: Sequence[int], eyes: Sequence[int], base: int
) -> tuple[Tensor, Tensor]:
    """Return the head pose of each frame relative to `reference`, `(..., T, C)`, and where it is defined."""
    destination = keypoints[..., list(stable), :]
    source = reference[..., None, list(stable), :].expand_as(destination)
    fit = fit_similarity(source, destination, mask=select(mask, stable))
    eye_distance = point_distance(reference.unsqueeze(-3), indices=eyes).squeeze(-1)
    defined = fit.defined & ~(eye_distance <= 0)
    if mask is not None:
        defined = defined & mask[..., base]
    position = keypoints[..., base, :2] / eye_distance.masked_fill(eye_distance <= 0, 1).unsqueeze(-1)
    rotation = fit.rotation
    if keypoints.shape[-1] == 2:
        angles = [torch.atan2(rotation[..., 1, 0], rotation[..., 0, 0])]
    else:
        # Rz(roll) · Ry(yaw) · Rx(pitch), x right, y down, z into the image.
        angles = [
            torch.asin((-rotation[..., 2, 0]).clamp(-1, 1)),
            torch.atan2(rotation[..., 2, 1], rotation[..., 2, 2]),
            torch.atan2(rotation[..., 1, 0], rotation[..., 0, 0]),
        ]
    # A fit of scale 0 leaves the frame undefined instead of the log of zero.
    defined = defined & ~(fit.scale <= 0)
    log_scale = fit.scale.masked_fill(~defined, 1).log()
    return torch.cat([position, torch.stack([*angles, log_scale], -1)], -1), defined


def head_pose(
    keypoints: Keypoints,
    reference: Reference,
    *,
    stable: Sequence[int] = STABLE_POINTS,
    eyes: Sequence[int] = EYE_CORNERS,
    base: int = BASE_POINT,
    mask: Mask = None,
) -> Float[Tensor, "*batch t c"]:
    """Return the head pose of each frame relative to a reference: base point, rotation and log scale.

    Args:
        keypoints: `(..., T, K, D)` with D 2 or 3. Shared arguments are described in `kp_metrics.functional`.
        reference: `(..., K, D)` or `(K, D)`.

    Returns:
        `(..., T, C)`, components as in `HEAD_COMPONENTS[D]`: positions in eye distances of the reference, angles in
        radians, log scale; NaN in frames with too few valid points.

    Example:
        >>> face = torch.rand(68, 2, generator=torch.Generator().manual_seed(0)) * 100
        >>> pose = head_pose((face * 2).unsqueeze(0), face)
        >>> dict(zip(HEAD_COMPONENTS[2], pose[0].tolist()))["log_scale"]
        0.693...
    """
    keypoints, _ = checked_pair(keypoints, keypoints, mask)
    stable, eyes, base = _checked_points(keypoints, stable, eyes, base)
    face = reference_points(reference, keypoints).to(keypoints.dtype)
    series, defined = head_pose_series(keypoints, face, mask, stable, eyes, base)
    return series.masked_fill(~defined.unsqueeze(-1), torch.nan)


def head_amplitude_ratio(
    preds: Keypoints,
    target: Keypoints,
    *,
    component: str | None = None,
    reference: Reference | None = None,
    stable: Sequence[int] = STABLE_POINTS,
    eyes: Sequence[int] = EYE_CORNERS,
    base: int = BASE_POINT,
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return the standard deviation of the predicted over that of the true head pose, within each sequence.

    The geometric mean over the pose's components: base-point x and y over the reference's inter-ocular distance, roll
    and log scale of the similarity of the stable points (with yaw and pitch in 3-D); or one component alone.

    Args:
        preds: `(..., T, K, 2 or 3)`, as `target`. Shared arguments are described in `kp_metrics.functional`.
        component: None for the geometric mean, or one of `HEAD_COMPONENTS[D]`, such as `"roll"`.
        reference: `(..., K, D)` or `(K, D)`; by default the target's first frame whose used points are all valid.
        reduction: Reduces one value per sequence.

    Returns:
        From 0 (a still head) up; nearest 1 is best. NaN for a sequence whose true pose does not move in one of the
        requested components (standard deviation below 1e-5); the mean leaves it out.

    Raises:
        ValueError: `component` is unknown, D is neither 2 nor 3, or shapes or types do not match.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> face = torch.rand(68, 2, generator=generator) * 100
        >>> motion = torch.randn(16, 1, 2, generator=generator)
        >>> head_amplitude_ratio(face + motion / 2, face + motion, component="tx")
        tensor(0.5000)
    """
    preds, target = checked_pair(preds, target, mask)
    stable, eyes, base = _checked_points(target, stable, eyes, base)
    names = HEAD_COMPONENTS[target.shape[-1]]
    if component is not None:
        check_choice(component, names, name="component")
    face, found = resolve_reference(reference, target, select(mask, [*stable, *eyes, base]))
    predicted, valid_preds = head_pose_series(preds, face, mask, stable, eyes, base)
    true, valid_target = head_pose_series(target, face, mask, stable, eyes, base)
    valid = (valid_preds & valid_target & found.unsqueeze(-1)).unsqueeze(-2)
    ratios, moving = std_ratio(predicted.mT, true.mT, valid)
    if component is not None:
        index = names.index(component)
        return reduce_values(ratios[..., index], moving[..., index], reduction, item_dims=0)
    return reduce_values(ratios.log().mean(-1).exp(), moving.all(-1), reduction, item_dims=0)


def _checked_points(
    keypoints: Tensor, stable: Sequence[int], eyes: Sequence[int], base: int
) -> tuple[Sequence[int], Sequence[int], int]:
    """Return the indices, with defaults in the layout of the keypoints."""
    if keypoints.shape[-1] not in HEAD_COMPONENTS:
        raise ValueError(f"expected keypoints (..., T, K, 2 or 3) for a head pose, got {tuple(keypoints.shape)}")
    if base == BASE_POINT and isinstance(stable, FacePoints) and keypoints.shape[-2] == WFLW98_POINTS:
        base = WFLW98_BASE_POINT
    stable, eyes, (base,) = check_indices(keypoints, stable=stable, eyes=eyes, base=(base,))
    return stable, eyes, base
