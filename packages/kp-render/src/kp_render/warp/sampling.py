"""Sample images and fields at places in pixels; both are given on grids that span the whole picture."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate


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
    image: Float[Tensor, "_ c h w"], places: Float[Tensor, "b 2 m n"], size: tuple[int, int], mode: str = "bilinear"
) -> Float[Tensor, "b c m n"]:
    """Return the values of images at places; outside, the nearest border counts.

    Args:
        image: `(B, C, H, W)` values on a grid over the whole picture; one for all places if B is 1.
        places: `(B, 2, M, N)` x and y in pixels of the picture.
        size: Height and width of the picture, pixels.
        mode: `"bilinear"`, or `"bicubic"`: slower, but what was sampled before stays as sharp as it is.

    Example:
        >>> ramp = torch.arange(3.0).view(1, 1, 1, 3).expand(1, 1, 2, 3)
        >>> sample(ramp, torch.tensor([5.0, 0.0]).view(1, 2, 1, 1), (11, 21)).item()
        0.5
    """
    return _sample(image, places * _to_unit(places, size) - 1, mode)


def sample_enlarged(
    image: Float[Tensor, "1 c h w"], places: Float[Tensor, "b 2 m n"], size: tuple[int, int]
) -> Float[Tensor, "b c height width"]:
    """Return the values of an image at every pixel of a picture, whose places are given on a coarse grid.

    Args:
        image: `(1, C, H, W)` values on a grid over the whole picture.
        places: `(B, 2, M, N)` x and y of the nodes of a grid from corner to corner, pixels of the picture.
        size: Height and width of the picture, pixels.
    """
    coarse = places * _to_unit(places, size) - 1
    return _sample(image, interpolate(coarse, size=size, mode="bilinear", align_corners=True))


def _to_unit(places: Tensor, size: tuple[int, int]) -> Tensor:
    return torch.tensor([2 / (size[1] - 1), 2 / (size[0] - 1)]).to(places)[:, None, None]


def _sample(image: Tensor, places: Float[Tensor, "b 2 m n"], mode: str = "bilinear") -> Tensor:
    """Return the values of images at places from -1 to 1."""
    many = image.expand(len(places), -1, -1, -1)
    return grid_sample(many, places.permute(0, 2, 3, 1), mode=mode, padding_mode="border", align_corners=True)


def smoothstep(value: Tensor, start: float, stop: float) -> Tensor:
    """Return 0 up to `start`, 1 from `stop` on, and a smooth transition between.

    Example:
        >>> smoothstep(torch.tensor([-1.0, 5.0, 11.0]), 0, 10)
        tensor([0.0000, 0.5000, 1.0000])
    """
    t = ((value - start) / (stop - start)).clamp(0, 1)
    return t * t * (3 - 2 * t)
