"""Turns of a head kept within what one picture of it can show."""

import torch
from jaxtyping import Float
from torch import Tensor

#: Up to the first angle a head turns out of the plane of its picture as keypoints say, at most by the second, degrees.
FREE_DEGREES, MOST_DEGREES = 24.0, 34.0


def limit_turn(
    rotation: Float[Tensor, "b 3 3"], *, free: float = FREE_DEGREES, most: float = MOST_DEGREES
) -> Float[Tensor, "b 3 3"]:
    """Return rotations that turn the line of sight by less than `most` degrees; rotations in the picture are kept.

    Up to `free` degrees nothing changes. From there on the turn approaches its limit smoothly.

    Args:
        rotation: `(B, 3, 3)`; the third axis is the line of sight.
        free: Degrees.
        most: Degrees, more than `free`.

    Example:
        >>> quarter = torch.tensor([[[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]])
        >>> float(limit_turn(quarter)[0, 2, 2].acos().rad2deg().round())
        34.0
    """
    seen = rotation[:, :, 2]
    across, angle = seen[:, :2].norm(dim=1), _turn(rotation)
    start, room = (torch.deg2rad(torch.tensor(value)).to(rotation) for value in (free, most - free))
    less = torch.where(angle > start, start + room * torch.tanh((angle - start) / room), angle)
    # The axis of the turn lies in the plane of the picture.
    axis = torch.stack((-seen[:, 1], seen[:, 0]), dim=1) / across.clamp(min=1e-6)[:, None]
    return _about(axis, less - angle) @ rotation


def turn_between(one: Float[Tensor, "b 3 3"], other: Float[Tensor, "b 3 3"]) -> Float[Tensor, " b"]:
    """Return by how much less the second rotations turn the line of sight, radians.

    Example:
        >>> quarter = torch.tensor([[[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]])
        >>> float(turn_between(quarter, limit_turn(quarter)).rad2deg().round())
        56.0
    """
    return _turn(one) - _turn(other)


def _turn(rotation: Float[Tensor, "b 3 3"]) -> Float[Tensor, " b"]:
    return torch.atan2(rotation[:, :2, 2].norm(dim=1), rotation[:, 2, 2])


def _about(axis: Float[Tensor, "b 2"], angle: Float[Tensor, " b"]) -> Float[Tensor, "b 3 3"]:
    """Return rotations by angles about axes in the plane of the first two coordinates (Rodrigues)."""
    (x, y), zero = axis.unbind(dim=1), torch.zeros_like(angle)
    rows = (zero, zero, y, zero, zero, -x, -y, x, zero)
    cross = torch.stack(rows, dim=1).view(-1, 3, 3)
    sine, cosine = angle.sin()[:, None, None], angle.cos()[:, None, None]
    rotation: Tensor = torch.eye(3).to(angle) + sine * cross + (1 - cosine) * cross @ cross
    return rotation
