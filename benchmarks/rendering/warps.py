"""What turns a portrait and keypoints into a frame: kp-render, and what it is compared with."""

from collections.abc import Callable

import cv2
import numpy as np
import torch
from rendering.crops import Image
from scipy.interpolate import LinearNDInterpolator

from kp_io import warp_image_to_head
from kp_io.keypoints import KeypointSequence
from kp_render import make_painter, make_portrait_warp
from kp_render.painting.painting_network import PaintingNetwork

__all__ = ["PAINTED", "WARPED", "methods"]

WARPED, PAINTED = "warp alone", "warp and painter"


def delaunay(picture: Image, still: np.ndarray, target: np.ndarray) -> Image:
    """Warp a picture piecewise affinely from the triangles of the target."""
    height, width = picture.shape[:2]
    grid = [(x, y) for x in (0, width / 2, width - 1) for y in (0, height / 2, height - 1)]
    border = np.array([place for place in grid if place != (width / 2, height / 2)], float)
    source = LinearNDInterpolator(np.concatenate((target, border)), np.concatenate((still, border)))
    places = source(*np.meshgrid(np.arange(width), np.arange(height))).astype(np.float32)
    return cv2.remap(picture, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def methods(
    picture: Image, still: torch.Tensor, network: PaintingNetwork
) -> dict[str, Callable[[torch.Tensor], Image]]:
    """Return what is compared: functions from keypoints to a frame."""
    warp = make_portrait_warp(torch.from_numpy(picture).permute(2, 0, 1).float() / 255, still)
    painter = make_painter(warp, network)

    def rendered(points: torch.Tensor, draw: Callable[[torch.Tensor], torch.Tensor]) -> Image:
        with torch.inference_mode():
            return (draw(points[None])[0] * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()

    def similarity(points: torch.Tensor) -> Image:
        sequence = KeypointSequence(points[None], image_size=picture.shape[:2])
        return next(warp_image_to_head(picture, sequence, reference=still))

    return {
        PAINTED: lambda points: rendered(points, painter),
        WARPED: lambda points: rendered(points, warp),
        "Delaunay": lambda points: delaunay(picture, still.numpy(), points.numpy()),
        "similarity": similarity,
        "still": lambda points: picture,
    }
