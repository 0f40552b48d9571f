"""How much the head moves, against how much it should."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.primitives.checks import check_choice, check_indices, check_pair, working_precision
from kp_metrics.primitives.ibug68 import BASE_POINT, EYE_CORNERS, STABLE_POINTS
from kp_metrics.primitives.normalizers import point_distance
from kp_metrics.primitives.procrustes import fit_similarity, reference_frame, reference_points
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.time_series import CONSTANT_STD, masked_std

#: Components of a head pose for D = 2 and D = 3, in the order of `head_pose`.
HEAD_COMPONENTS: dict[int, tuple[str, ...]] = {
    2: ("tx", "ty", "roll", "log_scale"),
    3: ("tx", "ty", "yaw", "pitch", "roll", "log_scale"),
}


def head_pose_series(
    keypoints: Tensor,
    anchor: Tensor,
    mask: Tensor | None,
    *,
    stable: Sequence[int],
    eyes: tuple[int, int],
    base: int,
) -> tuple[Tensor, Tensor]:
    """Return the head pose of each frame relative to `anchor`, `(..., T, C)`, and where it is defined, `(..., T)`."""
    skull = list(stable)
    destination = keypoints[..., skull, :]
    source = anchor[..., None, skull, :].expand_as(destination)
    fit = fit_similarity(source, destination, mask=None if mask is None else mask[..., skull])
    eye_distance = point_distance(anchor.unsqueeze(-3), indices=eyes).squeeze(-1)
    defined = fit.defined & ~(eye_distance <= 0)
    if mask is not None:
        defined = defined & mask[..., base]
    place = keypoints[..., base, :2] / eye_distance.masked_fill(eye_distance <= 0, 1).unsqueeze(-1)
    turn = fit.rotation
    if keypoints.shape[-1] == 2:
        angles = [torch.atan2(turn[..., 1, 0], turn[..., 0, 0])]
    else:
        # Rz(roll) · Ry(yaw) · Rx(pitch), x right, y down, z into the picture.
        angles = [
            torch.asin((-turn[..., 2, 0]).clamp(-1, 1)),
            torch.atan2(turn[..., 2, 1], turn[..., 2, 2]),
            torch.atan2(turn[..., 1, 0], turn[..., 0, 0]),
        ]
    # A fit that found no size leaves a frame undefined instead of the log of zero.
    defined = defined & ~(fit.scale <= 0)
    log_scale = fit.scale.masked_fill(~defined, 1).log()
    return torch.cat([place, torch.stack([*angles, log_scale], -1)], -1), defined


def head_pose(
    keypoints: Float[Tensor, "*batch t k d"],
    reference: Float[Tensor, "*ref k d"],
    *,
    stable: Sequence[int] = STABLE_POINTS,
    eyes: tuple[int, int] = EYE_CORNERS,
    base: int = BASE_POINT,
    mask: Bool[Tensor, "*batch t k"] | None = None,
) -> Float[Tensor, "*batch t c"]:
    """Head pose of each frame relative to a reference: base point, rotation and log scale.

    Args:
        keypoints: `(..., T, K, D)` with D 2 or 3.
        reference: `(..., K, D)` or `(K, D)`.
        stable: Points that move with the skull alone.
        eyes: Outer eye corners.
        base: The point whose position stands for the translation.
        mask: `(..., T, K)`, True where a point is valid.

    Returns:
        `(..., T, C)`, components as in `HEAD_COMPONENTS[D]`: positions in eye distances of the reference, angles in
        radians, log scale; NaN in frames with too few valid points.

    Raises:
        ValueError: The shapes or types do not fit together, or the layout has no such points.

    Example:
        >>> face = torch.rand(68, 2, generator=torch.Generator().manual_seed(0)) * 100
        >>> pose = head_pose((face * 2).unsqueeze(0), face)
        >>> dict(zip(HEAD_COMPONENTS[2], pose[0].tolist()))["log_scale"]
        0.693...
    """
    check_pair(keypoints, keypoints, mask)
    _check_points(keypoints, stable, eyes, base)
    keypoints = working_precision(keypoints)
    anchor = reference_points(reference, keypoints).to(keypoints.dtype)
    series, defined = head_pose_series(keypoints, anchor, mask, stable=stable, eyes=eyes, base=base)
    return series.masked_fill(~defined.unsqueeze(-1), torch.nan)


def head_amplitude_ratio(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"],
    *,
    component: str | None = None,
    reference: Float[Tensor, "*ref k d"] | None = None,
    stable: Sequence[int] = STABLE_POINTS,
    eyes: tuple[int, int] = EYE_CORNERS,
    base: int = BASE_POINT,
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*out"]:
    """Standard deviation of the predicted over that of the true head pose, within each sequence.

    The geometric mean over the pose's components: base-point x and y over the reference's inter-ocular distance, roll
    and log scale of the similarity of the stable points (with yaw and pitch in 3-D); or one of them alone.

    Args:
        preds: Predicted keypoints `(..., T, K, D)` with D 2 or 3.
        target: True keypoints `(..., T, K, D)`.
        component: None for the geometric mean, or one of `HEAD_COMPONENTS[D]`, such as `"roll"`.
        reference: `(..., K, D)` or `(K, D)`; by default the target's first frame whose used points are all valid.
        stable: Points that move with the skull alone.
        eyes: Outer eye corners.
        base: The point whose position stands for the translation.
        mask: `(..., T, K)`, True where a point is valid.
        reduction: `"mean"` or `"sum"` over sequences; `"sequence"` and `"none"` give one value a sequence.

    Returns:
        From 0 (a head that is still) up; nearest 1 is best. NaN for a sequence whose true pose does not move in one of
        the components asked for (standard deviation below 1e-5); such are left out of the mean.

    Raises:
        ValueError: `component` is unknown, D is neither 2 nor 3, or the shapes or types do not fit together.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> face = torch.rand(68, 2, generator=generator) * 100
        >>> sway = torch.randn(16, 1, 2, generator=generator)
        >>> head_amplitude_ratio(face + sway / 2, face + sway, component="tx")
        tensor(0.5000)
    """
    check_pair(preds, target, mask)
    _check_points(target, stable, eyes, base)
    names = HEAD_COMPONENTS[target.shape[-1]]
    if component is not None:
        check_choice(component, names, name="component")
    preds, target = working_precision(preds), working_precision(target)
    if reference is None:
        anchor, anchored = reference_frame(target, None if mask is None else mask[..., [*stable, *eyes, base]])
    else:
        anchor = reference_points(reference, target).to(target.dtype)
        anchored = anchor.new_ones(anchor.shape[:-2], dtype=torch.bool)
    predicted, valid_preds = head_pose_series(preds, anchor, mask, stable=stable, eyes=eyes, base=base)
    true, valid_target = head_pose_series(target, anchor, mask, stable=stable, eyes=eyes, base=base)
    valid = (valid_preds & valid_target & anchored.unsqueeze(-1)).unsqueeze(-2)
    predicted_std, true_std = masked_std(predicted.mT, valid), masked_std(true.mT, valid)
    moving = (valid.sum(-1) >= 2) & ~(true_std <= CONSTANT_STD)
    ratios = predicted_std / true_std.masked_fill(~moving, 1)
    if component is not None:
        index = names.index(component)
        return reduce_values(ratios[..., index], moving[..., index], reduction, item_dims=0)
    return reduce_values(ratios.log().mean(-1).exp(), moving.all(-1), reduction, item_dims=0)


def _check_points(keypoints: Tensor, stable: Sequence[int], eyes: tuple[int, int], base: int) -> None:
    if keypoints.shape[-1] not in HEAD_COMPONENTS:
        raise ValueError(f"expected keypoints (..., T, K, 2 or 3) for a head pose, got {tuple(keypoints.shape)}")
    for name, indices in (("stable", stable), ("eyes", eyes), ("base", (base,))):
        check_indices(indices, keypoints, name=name)
