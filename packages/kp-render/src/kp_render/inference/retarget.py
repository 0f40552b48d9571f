"""Keypoints of one face put onto another."""

import torch
from jaxtyping import Float
from torch import Tensor

from kp_render.geometry.landmarks import STABLE


def retarget_keypoints(
    keypoints: Float[Tensor, "t 68 2"], portrait: Float[Tensor, "68 2"], *, start: Float[Tensor, "68 2"] | None = None
) -> Float[Tensor, "t 68 2"]:
    """Move a portrait's keypoints as those of another face or picture move, by displacement.

    The similarity (turn, size, place) that brings the start onto the portrait turns and scales all displacements from
    the start. The portrait keeps its own proportions.

    Args:
        keypoints: `(T, 68, 2)` pixels of another picture.
        portrait: `(68, 2)` pixels of the portrait.
        start: `(68, 2)` the other face with the expression of the portrait; by default its first frame.

    Example:
        >>> face = torch.rand(68, 2)
        >>> moved = retarget_keypoints(torch.stack((face, face + 1)), 10 * face)
        >>> bool((moved[1] - 10 * face - 10).abs().max() < 1e-3)
        True
    """
    own = keypoints[0] if start is None else start
    stable = list(STABLE)
    source, target = own[stable] - own[stable].mean(dim=0), portrait[stable] - portrait[stable].mean(dim=0)
    size = source.square().sum().clamp(min=1e-6)
    cosine = (source * target).sum() / size
    sine = (source[:, 0] * target[:, 1] - source[:, 1] * target[:, 0]).sum() / size
    turn = torch.stack((torch.stack((cosine, -sine)), torch.stack((sine, cosine))))
    return portrait + (keypoints - own) @ turn.T
