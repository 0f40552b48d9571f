"""Map the box of a face to the square crop that FAN sees, and the crop back to the image."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

#: Side of a crop, pixels.
CROP_SIZE = 256

# FAN's training parameters: crop side per box side, and the upward shift as a share of the box height.
_SIDES_PER_BOX = 200 / 195
_UP = 0.12


class Box(NamedTuple):
    """A face: left, top, right and bottom edge, pixels."""

    left: float
    top: float
    right: float
    bottom: float


class Window(NamedTuple):
    """The part of an image that becomes a crop, whole pixels, right and bottom excluded; it may exceed the image."""

    left: int
    top: int
    right: int
    bottom: int

    def overlaps(self, height: int, width: int) -> bool:
        """Return whether the window is not empty and overlaps an image of that size."""
        return max(self.left, 0) < min(self.right, width) and max(self.top, 0) < min(self.bottom, height)


def bounding_box(points: Float[Tensor, "k d"]) -> Box:
    """Return the bounding box of the points, by which FAN's authors cropped and which is close to S3FD's box.

    Example:
        >>> bounding_box(torch.tensor([[10.0, 20.0], [30.0, 5.0]]))
        Box(left=10.0, top=5.0, right=30.0, bottom=20.0)
    """
    low, high = points[:, :2].amin(dim=0).tolist(), points[:, :2].amax(dim=0).tolist()
    return Box(*low, *high)


def crop_side(box: Box) -> float:
    """Return the side of a face's crop, about twice the box's, in pixels of the image."""
    return (box.right - box.left + box.bottom - box.top) * _SIDES_PER_BOX


def crop_window(box: Box) -> Window:
    """Return the window that the library crops for a face, exact to the pixel.

    Example:
        >>> crop_window(Box(100, 100, 200, 220))
        Window(left=38, top=33, right=262, bottom=258)
    """
    side = crop_side(box)
    left = (box.left + box.right - side) / 2
    top = (box.top + box.bottom - side) / 2 - _UP * (box.bottom - box.top)
    inset = side / CROP_SIZE  # the library starts one crop pixel further in
    return Window(int(left + inset), int(top + inset), int(left + side), int(top + side))


def crop_faces(
    images: Sequence[UInt8[np.ndarray, "_ _ 3"]], window: Window, *, device: torch.device
) -> Float[Tensor, "b 3 256 256"]:
    """Crop the same window from several images of one size, scaled to 256 px, values in [0, 1], black outside.

    Only the pixels in the window are copied to the device. Unlike the library's, the crops are not rounded to whole
    grey levels.

    Raises:
        ValueError: The images differ in size.

    Example:
        >>> white = np.full((20, 20, 3), 255, np.uint8)
        >>> crop = crop_faces([white], Window(10, 0, 30, 20), device=torch.device("cpu"))
        >>> crop.shape, crop[0, 0, 128, ::85]  # half of it lies outside the image
        (torch.Size([1, 3, 256, 256]), tensor([1., 1., 0., 0.]))
    """
    height, width = images[0].shape[:2]
    if any(image.shape != images[0].shape for image in images):
        raise ValueError(f"expected pictures of one size, got {sorted({image.shape for image in images})}")
    left, top = max(window.left, 0), max(window.top, 0)
    right, bottom = min(window.right, width), min(window.bottom, height)
    inside = torch.from_numpy(np.stack([image[top:bottom, left:right] for image in images]))
    if device.type == "cuda":
        inside = inside.pin_memory()
    # (b, h, w, 3) viewed as (b, 3, h, w) is channels-last in memory, which suits the networks.
    pixels = inside.to(device, non_blocking=True).permute(0, 3, 1, 2).float()
    pixels = F.pad(pixels, (left - window.left, window.right - right, top - window.top, window.bottom - bottom))
    return F.interpolate(pixels, size=(CROP_SIZE, CROP_SIZE), mode="bilinear", align_corners=False) / 255


def to_image(cells: Float[Tensor, "*n 2"], window: Window, *, size: int) -> Float[Tensor, "*n 2"]:
    """Map cells of a heatmap of `size` × `size` to pixels of the image.

    Whole numbers are centres of cells and of pixels. The rounded window counts, so that rounding does not shift points.

    Example:
        >>> to_image(torch.tensor([[0.0, 63.0]]), Window(10, 10, 138, 138), size=64)
        tensor([[ 10.5000, 136.5000]])
    """
    sides = cells.new_tensor([window.right - window.left, window.bottom - window.top])
    return (cells + 0.5) * (sides / size) + cells.new_tensor([window.left, window.top]) - 0.5


def has_moved(box: Box, used: Box, *, bound: float) -> bool:
    """Return whether a face's position or size differs from its crop's box by more than `bound` of the box size.

    Example:
        >>> has_moved(Box(12, 0, 112, 100), Box(0, 0, 100, 100), bound=0.1)
        True
        >>> has_moved(Box(8, 0, 108, 100), Box(0, 0, 100, 100), bound=0.1)
        False
    """
    size = max((used.right - used.left + used.bottom - used.top) / 2, 1.0)
    grown = (box.right - box.left + box.bottom - box.top) / 2 / size
    x = (box.left + box.right - used.left - used.right) / 2
    y = (box.top + box.bottom - used.top - used.bottom) / 2
    return bool(np.hypot(x, y) > bound * size or abs(grown - 1) > bound)
