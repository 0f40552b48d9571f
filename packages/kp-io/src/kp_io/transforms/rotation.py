"""Rotations in space: from angles and back, and fitted to points."""

import torch
from jaxtyping import Float64
from torch import Tensor

#: Rounds of refinement of a pose under weak perspective; noise-free points need none.
_ROUNDS = 12


def rotation_matrix(angles: Float64[Tensor, "t 3"]) -> Float64[Tensor, "t 3 3"]:
    """Return R = roll about z after pitch about x after yaw about y, from `(T, 3)` yaw, pitch, roll in radians.

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


def angles_of(turn: Float64[Tensor, "t 3 3"]) -> Float64[Tensor, "t 3"]:
    """Return yaw, pitch and roll of rotations, pitch within ±90°; the inverse of `rotation_matrix`.

    With the face straight up or down, yaw and roll are one movement and their shares are arbitrary.
    """
    pitch = torch.atan2(turn[:, 2, 1], torch.hypot(turn[:, 0, 1], turn[:, 1, 1]))
    yaw = torch.atan2(-turn[:, 2, 0], turn[:, 2, 2])
    roll = torch.atan2(-turn[:, 0, 1], turn[:, 1, 1])
    return torch.stack((yaw, pitch, roll), dim=1)


def nearest_rotation(correlation: Float64[Tensor, "t 3 3"]) -> Float64[Tensor, "t 3 3"]:
    """Return the proper rotations nearest to Σ target·sourceᵀ: those that turn source to target best (Kabsch)."""
    u, _, vt = torch.linalg.svd(correlation)
    handed = torch.det(u @ vt).sign()
    ones = torch.ones_like(handed)
    turn: Tensor = u @ torch.diag_embed(torch.stack((ones, ones, handed), dim=-1)) @ vt
    return turn


def weak_perspective(
    model: Float64[Tensor, "p 3"], points: Float64[Tensor, "t p 2"]
) -> tuple[Float64[Tensor, "t 3 3"], Float64[Tensor, " t"]]:
    """Fit the turn and scale under which a model, seen from far away, shows nearest to plane points.

    The start is the best affine map made orthogonal. Then the points take the depth of the model in the pose so far and
    are fitted in space, which lowers the error in every round.

    Returns:
        Rotations `(T, 3, 3)` and scales `(T,)`.
    """
    source = model - model.mean(dim=0)
    target = points - points.mean(dim=1, keepdim=True)
    affine = (torch.linalg.pinv(source) @ target).mT  # (T, 2, 3)
    u, stretch, vt = torch.linalg.svd(affine, full_matrices=False)
    scale = stretch.mean(dim=1)
    first_two = u @ vt
    third = torch.linalg.cross(first_two[:, 0], first_two[:, 1], dim=-1)
    turn = torch.cat((first_two, third[:, None]), dim=1)
    for _ in range(_ROUNDS):
        depth = scale[:, None] * (source @ turn[:, 2, :, None]).squeeze(-1)
        lifted = torch.cat((target, depth[..., None]), dim=2)
        turn = nearest_rotation(lifted.mT @ source)
        shown = (source @ turn.mT)[..., :2]
        scale = (shown * target).sum(dim=(1, 2)) / shown.square().sum(dim=(1, 2)).clamp(min=1e-12)
    return turn, scale
