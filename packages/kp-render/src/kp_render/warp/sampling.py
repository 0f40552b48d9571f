"""Sample images and fields at places in pixels; both are given on grids that span the whole picture."""

import torch
from jaxtyping import Float
from kornia.geometry.transform import remap
from torch import Tensor
from torch.nn.functional import interpolate


def pixel_grid(height: int, width: int, size: tuple[int, int]) -> Float[Tensor, "2 h w"]:
    """Return x and y, in pixels of a picture of a size, of a grid of nodes from corner to corner.

    Example:
        >>> pixel_grid(2, 3, (11, 21))[0]
        tensor([[ 0., 10., 20.],
                [ 0., 10., 20.]])
    """
    y, x = torch.meshgrid(torch.linspace(0, size[0] - 1, height), torch.linspace(0, size[1] - 1, width), indexing="ij")
    return torch.stack((x, y))


def sample(
    image: Float[Tensor, "_ c h w"], places: Float[Tensor, "b 2 m n"], size: tuple[int, int]
) -> Float[Tensor, "b c m n"]:
    """Return the values of images at places; outside, the nearest border counts.

    Args:
        image: `(B, C, H, W)` values on a grid over the whole picture; one for all places if B is 1.
        places: `(B, 2, M, N)` x and y in pixels of the picture.
        size: Height and width of the picture, pixels.

    Example:
        >>> ramp = torch.arange(3.0).view(1, 1, 1, 3).expand(1, 1, 2, 3)
        >>> sample(ramp, torch.tensor([5.0, 0.0]).view(1, 2, 1, 1), (11, 21)).item()
        0.5
    """
    x = places[:, 0] * (2 / (size[1] - 1)) - 1
    y = places[:, 1] * (2 / (size[0] - 1)) - 1
    many = image.expand(places.shape[0], -1, -1, -1)
    return remap(many, x, y, padding_mode="border", align_corners=True, normalized_coordinates=True)


def enlarge(field: Float[Tensor, "b c m n"], size: tuple[int, int]) -> Float[Tensor, "b c h w"]:
    """Return a field of a coarse grid for every pixel of a picture."""
    return interpolate(field, size=size, mode="bilinear", align_corners=True)


def smoothstep(value: Tensor, start: float, stop: float) -> Tensor:
    """Return 0 up to `start`, 1 from `stop` on, and a smooth transition between.

    Example:
        >>> smoothstep(torch.tensor([-1.0, 5.0, 11.0]), 0, 10)
        tensor([0.0000, 0.5000, 1.0000])
    """
    t = ((value - start) / (stop - start)).clamp(0, 1)
    return t * t * (3 - 2 * t)
