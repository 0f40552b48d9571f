"""Frames of a portrait that speaks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from kp_render.geometry.landmarks import NUM_KEYPOINTS
from kp_render.inference.background import Background, check_background, make_background
from kp_render.inference.retarget import retarget_keypoints
from kp_render.painting.painter import load_painting_network, make_painter
from kp_render.painting.painting_network import PaintingNetwork
from kp_render.warp.portrait_warp import make_portrait_warp

#: Frames that are warped together.
_BATCH = 4
#: What moves is within this many sizes of the face around its middle; the rest of the picture is copied.
_REACH = 1.7
#: Side of the square of `crop="face"`, in sizes of the face.
_FACE_CROP = 2.3


@runtime_checkable
class KeypointFrames(Protocol):
    """What is needed of a sequence of keypoints, such as `kp_io.KeypointSequence`."""

    @property
    def keypoints(self) -> Float[Tensor, "t k d"]:
        """`(T, K, 2)` or `(T, K, 3)` pixels."""

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of their picture, pixels."""


def render_portrait(
    image: UInt8[np.ndarray, "h w 3"],
    sequence: KeypointFrames,
    *,
    reference: Float[Tensor, "k d"] | None = None,
    crop: Literal["none", "face"] = "none",
    size: int | None = None,
    background: str = "keep",
    paint: bool = True,
    weights: Path | None = None,
    device: str = "cpu",
) -> Iterator[UInt8[np.ndarray, "_ _ _"]]:
    """Yield the frames of a portrait that follows keypoints.

    Keypoints of a picture of another size, or of another person, move the portrait by displacement
    (`retarget_keypoints`).

    Args:
        image: `(H, W, 3)` uint8 RGB.
        sequence: The keypoints to follow, such as those of `a2k generate` for this picture.
        reference: `(68, 2)` the keypoints in the picture, as a detector finds them; by default the first frame's.
        crop: `"face"` for a square around the face, less what is outside of the picture; `"none"` for all
            of it.
        size: Height of the frames, pixels; by default that of the picture or its crop.
        background: `"keep"` it, `"blur"` it, a colour such as `"#00b140"`, or `"transparent"`. All but the first find
            the outline of the person by colour, which errs on single hairs, and where hair or clothes look like what
            is behind; they need OpenCV, which comes with kp-io.
        paint: Whether the painting network corrects the mouth: nearer to footage, but slower. It has only seen photos
            of people: a drawing keeps its strokes without it.
        weights: File of other weights of the network, as `kp-render train` writes it; only with `paint`.
        device: cpu, cuda or mps.

    Yields:
        `(H, W, 3)` uint8 RGB, a new array for each frame; `(H, W, 4)` RGBA with a transparent background, whose colours
        are not multiplied by the alpha.

    Raises:
        ImportError: OpenCV is missing, which another background needs.
        ValueError: The picture, the keypoints or an option is not as expected.

    Example:
        >>> from types import SimpleNamespace
        >>> from kp_render.geometry.mean_head import mean_head
        >>> face = mean_head()[None, :, :2] * 0.4 + 64
        >>> talk = SimpleNamespace(keypoints=torch.cat((face, face + 2)), image_size=(128, 128))
        >>> frames = list(render_portrait(np.zeros((128, 128, 3), np.uint8), talk))
        >>> len(frames), frames[0].shape
        (2, (128, 128, 3))
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or min(image.shape[:2]) < 32:
        raise ValueError(
            f"expected a picture (H, W, 3) uint8 of at least 32 px a side, got {image.shape} {image.dtype}"
        )
    if crop not in ("none", "face") or (size is not None and size < 32):
        raise ValueError(f"expected crop none or face, and a size of at least 32, got {crop!r} and {size}")
    check_background(background)
    if weights is not None and not paint:
        raise ValueError("expected paint=True (not --no-paint) with weights, which are those of the painting network")
    points = _checked(sequence.keypoints)
    still = points[0] if reference is None else _checked(reference[None])[0]
    if tuple(sequence.image_size) != image.shape[:2] or _differ(points[0], still):
        points = retarget_keypoints(points, still)
    network = load_painting_network(weights) if paint else None
    behind = make_background(image, still, background, device=device)
    return _frames(image, points, still, crop, size, network, behind, device)


def _checked(points: Tensor) -> Float[Tensor, "t 68 2"]:
    if points.ndim != 3 or points.shape[1] != NUM_KEYPOINTS or points.shape[2] not in (2, 3) or not len(points):
        raise ValueError(
            f"expected keypoints (T, {NUM_KEYPOINTS}, 2) of the layout ibug68, got {tuple(points.shape)}; "
            "annotate with a detector of 68 points"
        )
    if not bool(points.isfinite().all()):
        raise ValueError("expected finite keypoints, got NaN or infinity; interpolate missing frames first")
    return points[..., :2].float()


def _differ(first: Tensor, still: Tensor) -> bool:
    """Return whether the first frame is not of this portrait: a face elsewhere, or of other proportions."""
    size = (still.amax(dim=0) - still.amin(dim=0)).amax()
    first, still = (points[:36] - points[27] for points in (first, still))
    return bool((first - still).norm(dim=1).mean() > 0.08 * size)


def _frames(
    image: UInt8[np.ndarray, "h w 3"],
    points: Tensor,
    still: Tensor,
    crop: str,
    size: int | None,
    network: PaintingNetwork | None,
    background: Background | None,
    device: str,
) -> Iterator[UInt8[np.ndarray, "_ _ _"]]:
    left, top, right, bottom = face_region(still, points, image.shape[:2])
    shift = torch.tensor([left, top])
    if background is None:
        here = None
        part = torch.from_numpy(image[top:bottom, left:right].copy()).to(device).permute(2, 0, 1).float() / 255
    else:
        here = background.cut(left, top, right, bottom)
        part, image = here.person[0], _pixels(background.still())[0]
    warp = make_portrait_warp(part, (still - shift).to(device))
    painter = None if network is None else make_painter(warp, network)
    window = _around(still, still[None], _FACE_CROP / 2, image.shape[:2]) if crop == "face" else None
    # Only what is shown is copied: `inside` is what moves in it, `within` the same in the warped part.
    x0, y0, x1, y1 = (0, 0, image.shape[1], image.shape[0]) if window is None else window
    shown = image[y0:y1, x0:x1]
    low, high = (max(left, x0), max(top, y0)), (min(right, x1), min(bottom, y1))
    inside = slice(low[1] - y0, high[1] - y0), slice(low[0] - x0, high[0] - x0)
    within = slice(low[1] - top, high[1] - top), slice(low[0] - left, high[0] - left)
    for first in range(0, len(points), _BATCH):
        with torch.inference_mode():
            warped = warp.in_parts((points[first : first + _BATCH] - shift).to(device))
            moved = warped.frames if painter is None else painter.paint(warped)
            pixels = _pixels(moved if here is None else here.moved(moved, warped))
        for frame in pixels:
            whole = shown.copy()
            whole[inside[0], inside[1]] = frame[within[0], within[1]]
            yield whole if size is None else _resized(whole, size)


def _pixels(frames: Float[Tensor, "b c h w"]) -> UInt8[np.ndarray, "b h w c"]:
    return frames.mul(255).add_(0.5).clamp_(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()


def face_region(
    still: Float[Tensor, "68 2"], points: Float[Tensor, "t 68 2"], limits: tuple[int, ...]
) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the part of a picture that moves with a face.

    Raises:
        ValueError: The keypoints are outside of the picture.
    """
    return _around(still, points, _REACH, limits)


def _around(still: Tensor, points: Tensor, reach: float, limits: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of what is around a face and wherever it goes, within a picture."""
    face = (still.amax(dim=0) - still.amin(dim=0)).amax()
    middles = points.mean(dim=1)
    low, high = middles.amin(dim=0) - reach * face, middles.amax(dim=0) + reach * face
    left, top = (max(0, int(value)) for value in low.floor())
    right, bottom = min(limits[1], int(high[0]) + 1), min(limits[0], int(high[1]) + 1)
    if right - left < 8 or bottom - top < 8:
        raise ValueError(f"expected keypoints within the picture, got a face around {middles.mean(dim=0).tolist()}")
    return left, top, right, bottom


def _resized(frame: UInt8[np.ndarray, "h w c"], height: int) -> UInt8[np.ndarray, "_ _ c"]:
    width = max(1, round(frame.shape[1] * height / frame.shape[0]))
    pixels = torch.from_numpy(frame).permute(2, 0, 1)[None].float()
    scaled = interpolate(pixels, size=(height, width), mode="bilinear", align_corners=False, antialias=True)
    return scaled[0].round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()
