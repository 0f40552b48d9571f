"""Brows of iBUG-68 faces: three heights over the eyes, measured and applied."""

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.blocks.constants import constant
from a2k_nets.blocks.exact_linear import exact_linear
from a2k_nets.head.space import LiftedFace

#: First and one-past-last point of the brows, from the left of the picture to the right.
BROW_POINTS = (17, 27)

# The outer and inner part of the brow on the left of the picture, the inner and outer part of the other; the corners of
# the eyes below them.
_PARTS = ((17, 18, 19), (20, 21), (22, 23), (24, 25, 26))
_LEFT_EYE, _RIGHT_EYE = (36, 39), (42, 45)

# Bounds the size of a face from below.
_SMALLEST = 1e-9

# Shares of the inner and of the outer height along a brow, from its outer end: the line through both, of which the mean
# over the inner and over the outer part are these heights. The asymmetry raises the inner part of one brow and lowers
# that of the other.
_INNER_SHARES = (-0.4, 0.0, 0.4, 0.8, 1.2)
_OUTER_SHARES = (1.4, 1.0, 0.6, 0.2, -0.2)
_SHARES = tuple(
    share
    for side in (1, -1)
    for inner, outer in list(zip(_INNER_SHARES, _OUTER_SHARES, strict=True))[::side]
    for share in (inner, outer, side * inner)
)


def measure_brows(face: Float[Tensor, "... 68 d"]) -> Float[Tensor, "... 3"]:
    """Return heights of the brows over the eyes of faces without a pose, in their unit; up is positive.

    They are the height of the inner parts, that of the outer parts, and half of what the inner part on the left of the
    picture is higher than the other.

    Example:
        >>> face = torch.zeros(68, 2)
        >>> face[20:22, 1] = -2.0
        >>> measure_brows(face)
        tensor([1., 0., 1.])
    """
    height = face[..., 1]
    outer_left, inner_left, inner_right, outer_right = (
        height[..., list(eye)].mean(dim=-1) - height[..., list(part)].mean(dim=-1)
        for part, eye in zip(_PARTS, (_LEFT_EYE, _LEFT_EYE, _RIGHT_EYE, _RIGHT_EYE), strict=True)
    )
    inner, outer = (inner_left + inner_right) / 2, (outer_left + outer_right) / 2
    return torch.stack((inner, outer, (inner_left - inner_right) / 2), dim=-1)


def move_brows(
    shape: Float[Tensor, "b t 68 2"],
    face: Float[Tensor, "b 68 2"],
    lifted: LiftedFace,
    brows: Float[Tensor, "b t 3"],
) -> Float[Tensor, "b t 68 2"]:
    """Return faces whose brows are those of the reference, raised; what else moved them is replaced.

    Args:
        shape: Faces in the pose of the reference.
        face: The references.
        lifted: Their pose.
        brows: How much higher than in the reference the inner and the outer parts are, and the asymmetry of the inner
            ones, as `measure_brows` says, in distances of the outer eye corners.
    """
    heights = exact_linear(brows.to(shape), constant(_SHARES, shape.dtype, shape.device).view(-1, 3))
    # Up is that of the head, which a tilted or nodding reference shows in another direction and shorter.
    up = -lifted.eye_distance[:, None] * lifted.rotation[..., :2, 1].to(shape.dtype).to(shape.device)
    start, stop = BROW_POINTS
    raised = face[:, None, start:stop] + heights[..., None] * up[:, None, None]
    return torch.cat((shape[:, :, :start], raised, shape[:, :, stop:]), dim=2)


def pose_free(face: Float[Tensor, "... 68 2"], lifted: LiftedFace) -> Float[Tensor, "... 68 3"]:
    """Return faces as they look from the front, in distances of the outer eye corners, from the nose root."""
    points = torch.cat((face - lifted.origin[..., None, :], lifted.depth[..., None]), dim=-1)
    unturned = points @ lifted.rotation.to(points.dtype).to(points.device)
    return unturned / lifted.eye_distance[..., None, None].clamp(min=_SMALLEST)
