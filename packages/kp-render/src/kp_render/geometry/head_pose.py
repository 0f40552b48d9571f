"""The pose of a head in a picture, fitted to keypoints under weak perspective."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

#: Iterations that refine a pose; the first guess is already close.
_ITERATIONS = 6


class HeadPose(NamedTuple):
    """Poses of a head: a point p of the head is at the x and y of `scale * R p + shift`.

    Attributes:
        rotation: `(B, 3, 3)`.
        scale: `(B,)` pixels for a unit of the head.
        shift: `(B, 2)` pixels.
    """

    rotation: Float[Tensor, "b 3 3"]
    scale: Float[Tensor, " b"]
    shift: Float[Tensor, "b 2"]


def fit_head_pose(head: Float[Tensor, "k 3"], points: Float[Tensor, "b k 2"]) -> HeadPose:
    """Fit poses of a rigid head to points in pictures, by least squares.

    The best affine map, made orthogonal, is the first guess. Each iteration gives the points the depth of the head in
    the current pose, and fits rotation and scale in three dimensions (Kabsch), which never raises the error.

    Args:
        head: `(K, 3)` points that do not lie in one plane.
        points: `(B, K, 2)` where they are in B pictures, pixels.

    Example:
        >>> head = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
        >>> pose = fit_head_pose(head, 2 * head[None, :, :2] + 5)
        >>> float(pose.scale.round(decimals=3)), pose.shift.round(decimals=3).tolist()
        (2.0, [[5.0, 5.0]])
    """
    model = (head - head.mean(dim=0)).double()
    middle = points.double().mean(dim=1, keepdim=True)
    target = points.double() - middle
    affine = (torch.linalg.pinv(model) @ target).mT
    u, stretch, vt = torch.linalg.svd(affine, full_matrices=False)
    scale = stretch.mean(dim=1)
    first_two = u @ vt
    rotation = torch.cat((first_two, torch.linalg.cross(first_two[:, 0], first_two[:, 1], dim=-1)[:, None]), dim=1)
    for _ in range(_ITERATIONS):
        depth = scale[:, None] * (model @ rotation[:, 2, :, None]).squeeze(-1)
        u, _, vt = torch.linalg.svd(torch.cat((target, depth[..., None]), dim=2).mT @ model)
        sign = torch.det(u @ vt).sign()
        rotation = u @ torch.diag_embed(torch.stack((torch.ones_like(sign), torch.ones_like(sign), sign), dim=-1)) @ vt
        projected = (model @ rotation.mT)[..., :2]
        scale = (projected * target).sum(dim=(1, 2)) / projected.square().sum(dim=(1, 2)).clamp(min=1e-12)
    shift = middle[:, 0] - scale[:, None] * (rotation[:, :2] @ head.double().mean(dim=0))
    return HeadPose(rotation.to(points), scale.to(points), shift.to(points))
