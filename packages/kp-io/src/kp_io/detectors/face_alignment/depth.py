"""The third coordinate: how deep the points of a face lie, as face-alignment's depth network tells it."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from kp_io.detectors.face_alignment.crop import CROP

# What the depth network was trained to read: a Gaussian of this deviation, cut off beyond this many pixels. Its centre
# lies half a pixel left of and above the point's, because the library counts from one where it draws.
_DEVIATION = 3.25
_REACH = 6
_SHIFT = 0.5


def draw_points(cells: Float[Tensor, "b k 2"], *, size: int) -> Float[Tensor, "b k 256 256"]:
    """Draw each point into a picture of its own, as the depth network was trained to read them.

    Args:
        cells: x and y in cells of a heatmap of `size` × `size`, centres being whole numbers.
        size: Side of the heatmap, cells.
    """
    centres = (cells + 0.5) * (CROP / size) - 0.5 - _SHIFT
    distances = torch.arange(CROP, device=cells.device) - centres[..., None]  # (b, k, 2, 256)
    near = (torch.arange(CROP, device=cells.device) - centres.round()[..., None]).abs() <= _REACH
    profiles = torch.exp(-((distances / _DEVIATION) ** 2) / 2) * near
    return profiles[:, :, 1, :, None] * profiles[:, :, 0, None, :]


def tell_depth(
    network: nn.Module, crops: Float[Tensor, "b 3 256 256"], cells: Float[Tensor, "b k 2"], *, size: int
) -> Float[Tensor, "b k"]:
    """Return the depth of every point, in pixels of the crop; the scale of the picture is the caller's."""
    drawn = draw_points(cells, size=size).to(crops.dtype)
    depths: Tensor = network(torch.cat((crops, drawn), dim=1))
    return depths.float()
