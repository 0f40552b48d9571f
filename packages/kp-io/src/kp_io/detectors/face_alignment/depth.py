"""Predict the third coordinate of a face's points with face-alignment's depth network."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from kp_io.detectors.face_alignment.crop import CROP_SIZE

# The depth network's training input: a Gaussian of this standard deviation, cut off beyond this many pixels. Its centre
# is half a pixel left of and above the point, because the library draws with one-based coordinates.
_SIGMA = 3.25
_REACH = 6
_SHIFT = 0.5


def draw_points(cells: Float[Tensor, "b k 2"], *, size: int) -> Float[Tensor, "b k 256 256"]:
    """Draw each point into a separate image, as in the depth network's training.

    Args:
        cells: x and y in cells of a heatmap of `size` × `size`; whole numbers are centres.
        size: Side of the heatmap, cells.
    """
    centres = (cells + 0.5) * (CROP_SIZE / size) - 0.5 - _SHIFT
    distances = torch.arange(CROP_SIZE, device=cells.device) - centres[..., None]  # (b, k, 2, 256)
    near = (torch.arange(CROP_SIZE, device=cells.device) - centres.round()[..., None]).abs() <= _REACH
    profiles = torch.exp(-((distances / _SIGMA) ** 2) / 2) * near
    return profiles[:, :, 1, :, None] * profiles[:, :, 0, None, :]


def predict_depth(
    network: nn.Module, crops: Float[Tensor, "b 3 256 256"], cells: Float[Tensor, "b k 2"], *, size: int
) -> Float[Tensor, "b k"]:
    """Return the depth of every point in pixels of the crop; the caller scales it to the image."""
    drawn = draw_points(cells, size=size).to(crops.dtype)
    depths: Tensor = network(torch.cat((crops, drawn), dim=1))
    return depths.float()
