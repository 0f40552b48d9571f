"""Similarity transforms in 2-D, and faces split into head pose and pose-free shape.

A similarity is a tensor `(…, 4)` holding (a, b, x, y): the map p ↦ M p + (x, y) with M = [[a, -b], [b, a]], i.e. scale
times rotation.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.blocks.constants import select_points


def fit_similarity(source: Float[Tensor, "... p 2"], target: Float[Tensor, "... p 2"]) -> Float[Tensor, "... 4"]:
    """Return the least-squares similarity from `source` to `target`.

    With centred points as complex numbers, the optimal factor is Σ s̄·t / Σ |s|².

    Example:
        >>> square = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
        >>> fit_similarity(square, 2 * square + 3)
        tensor([2., 0., 3., 3.])
    """
    source_mean, target_mean = source.mean(dim=-2), target.mean(dim=-2)
    s, t = source - source_mean[..., None, :], target - target_mean[..., None, :]
    energy = s.square().sum(dim=(-2, -1)).clamp(min=1e-12)
    a = (s * t).sum(dim=(-2, -1)) / energy
    b = (s[..., 0] * t[..., 1] - s[..., 1] * t[..., 0]).sum(dim=-1) / energy
    x = target_mean[..., 0] - a * source_mean[..., 0] + b * source_mean[..., 1]
    y = target_mean[..., 1] - b * source_mean[..., 0] - a * source_mean[..., 1]
    return torch.stack((a, b, x, y), dim=-1)


def apply_similarity(similarity: Float[Tensor, "... 4"], points: Float[Tensor, "... p 2"]) -> Float[Tensor, "... p 2"]:
    """Apply a similarity to points."""
    a, b, x, y = similarity[..., None, :].unbind(dim=-1)
    px, py = points.unbind(dim=-1)
    return torch.stack((a * px - b * py + x, b * px + a * py + y), dim=-1)


def similarity_rows(similarity: Float[Tensor, "... 4"]) -> Float[Tensor, "... 3 2"]:
    """Return the images of x and of y, and the shift of a similarity: what `apply_rows` takes again and again.

    Example:
        >>> similarity_rows(torch.tensor([0.0, 1.0, 3.0, 0.0])).tolist()
        [[0.0, 1.0], [-1.0, 0.0], [3.0, 0.0]]
    """
    a, b, x, y = similarity.unbind(dim=-1)
    return torch.stack([torch.stack(row, dim=-1) for row in ((a, b), (-b, a), (x, y))], dim=-2)


def apply_rows(rows: Float[Tensor, "... 3 2"], points: Float[Tensor, "... p 2"]) -> Float[Tensor, "... p 2"]:
    """Apply a similarity given by `similarity_rows`, in two operations."""
    of_x, of_y, shift = rows[..., None, :, :].unbind(dim=-2)
    return torch.addcmul(torch.addcmul(shift, points[..., :1], of_x), points[..., 1:], of_y)


def invert_similarity(similarity: Float[Tensor, "... 4"]) -> Float[Tensor, "... 4"]:
    """Return the inverse similarity."""
    a, b, x, y = similarity.unbind(dim=-1)
    norm = (a * a + b * b).clamp(min=1e-12)
    a, b = a / norm, -b / norm
    return torch.stack((a, b, b * y - a * x, -b * x - a * y), dim=-1)


def split_pose(
    keypoints: Float[Tensor, "... t k 2"],
    reference: Float[Tensor, "... k 2"],
    *,
    stable_points: tuple[int, ...],
    base_point: int,
) -> tuple[Float[Tensor, "... t k 2"], Float[Tensor, "... t 4"]]:
    """Split each frame into a face in the pose of the reference, and its pose relative to the reference.

    Args:
        keypoints: Faces over time.
        reference: The face whose pose is zero.
        stable_points: Points that move with the skull.
        base_point: Centre of rotation and scaling.

    Returns:
        The pose-free faces, and `(…, T, 4)`: shift x, shift y of the base point, roll (radians), log scale. The inverse
        is `compose_pose`.
    """
    stable = select_points(reference, stable_points)[..., None, :, :]
    to_reference = fit_similarity(select_points(keypoints, stable_points), stable)
    shape = apply_similarity(to_reference, keypoints)
    from_reference = invert_similarity(to_reference)
    base = reference[..., None, base_point : base_point + 1, :]
    shift = (apply_similarity(from_reference, base) - base).squeeze(-2)
    a, b = from_reference[..., 0], from_reference[..., 1]
    pose = torch.cat((shift, torch.stack((torch.atan2(b, a), torch.log(torch.hypot(a, b))), dim=-1)), dim=-1)
    return shape, pose


def compose_pose(
    shape: Float[Tensor, "... t k 2"],
    pose: Float[Tensor, "... t 4"],
    reference: Float[Tensor, "... k 2"],
    *,
    base_point: int,
) -> Float[Tensor, "... t k 2"]:
    """Apply poses to pose-free faces; the inverse of `split_pose`."""
    base = reference[..., None, base_point, :]
    shift, roll, scale = pose[..., :2], pose[..., 2], pose[..., 3].exp()
    rotation = torch.stack((scale * torch.cos(roll), scale * torch.sin(roll)), dim=-1)
    return apply_similarity(torch.cat((rotation, base + shift), dim=-1), shape - base[..., None, :])
