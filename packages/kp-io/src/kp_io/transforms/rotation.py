"""3-D rotations: from Euler angles and back, and fitted to points."""

import torch
from jaxtyping import Float64
from torch import Tensor

#: Iterations that refine a weak-perspective pose; noise-free points need none.
_ITERATIONS = 12


def rotation_matrix(angles: Float64[Tensor, "t 3"]) -> Float64[Tensor, "t 3 3"]:
    """Return rotation matrices R = Rz(roll) Rx(pitch) Ry(yaw) from `(T, 3)` yaw, pitch, roll in radians.

    Example:
        >>> rotation_matrix(torch.zeros(1, 3, dtype=torch.float64))[0].diagonal()
        tensor([1., 1., 1.], dtype=torch.float64)
    """
    (sy, sp, sr), (cy, cp, cr) = torch.sin(angles).unbind(dim=1), torch.cos(angles).unbind(dim=1)
    rows = (
        (cr * cy - sr * sp * sy, -sr * cp, cr * sy + sr * sp * cy),
        (sr * cy + cr * sp * sy, cr * cp, sr * sy - cr * sp * cy),
        (-cp * sy, sp, cp * cy),
    )
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def euler_angles(rotation: Float64[Tensor, "t 3 3"]) -> Float64[Tensor, "t 3"]:
    """Return yaw, pitch and roll of rotations, pitch within ±90°; the inverse of `rotation_matrix`.

    At a pitch of ±90°, yaw and roll are ambiguous (gimbal lock) and the split between them is arbitrary.
    """
    pitch = torch.atan2(rotation[:, 2, 1], torch.hypot(rotation[:, 0, 1], rotation[:, 1, 1]))
    yaw = torch.atan2(-rotation[:, 2, 0], rotation[:, 2, 2])
    roll = torch.atan2(-rotation[:, 0, 1], rotation[:, 1, 1])
    return torch.stack((yaw, pitch, roll), dim=1)


def nearest_rotation(correlation: Float64[Tensor, "t 3 3"]) -> Float64[Tensor, "t 3 3"]:
    """Return the proper rotations nearest to Σ target·sourceᵀ, which rotate source to target best (Kabsch)."""
    u, _, vt = torch.linalg.svd(correlation)
    sign = torch.det(u @ vt).sign()
    ones = torch.ones_like(sign)
    rotation: Tensor = u @ torch.diag_embed(torch.stack((ones, ones, sign), dim=-1)) @ vt
    return rotation


def fit_weak_perspective(
    model: Float64[Tensor, "p 3"], points: Float64[Tensor, "t p 2"]
) -> tuple[Float64[Tensor, "t 3 3"], Float64[Tensor, " t"]]:
    """Return the rotations and scales whose scaled orthographic projection of a 3-D model is nearest to 2-D points.

    The best affine map, made orthogonal, is the initial pose. Each iteration then gives the points the model's depth in
    the current pose and fits the rotation in 3-D, which lowers the error every time.
    """
    source = model - model.mean(dim=0)
    target = points - points.mean(dim=1, keepdim=True)
    affine = (torch.linalg.pinv(source) @ target).mT  # (T, 2, 3)
    u, stretch, vt = torch.linalg.svd(affine, full_matrices=False)
    scale = stretch.mean(dim=1)
    first_two = u @ vt
    third = torch.linalg.cross(first_two[:, 0], first_two[:, 1], dim=-1)
    rotation = torch.cat((first_two, third[:, None]), dim=1)
    for _ in range(_ITERATIONS):
        depth = scale[:, None] * (source @ rotation[:, 2, :, None]).squeeze(-1)
        lifted = torch.cat((target, depth[..., None]), dim=2)
        rotation = nearest_rotation(lifted.mT @ source)
        projected = (source @ rotation.mT)[..., :2]
        scale = (projected * target).sum(dim=(1, 2)) / projected.square().sum(dim=(1, 2)).clamp(min=1e-12)
    return rotation, scale
