"""Keypoints as pictures: anti-aliased lines in the colours of the parts (OpenCV)."""

from collections.abc import Iterable, Iterator
from itertools import repeat

import cv2
import numpy as np
from jaxtyping import Float
from torch import Tensor

from kp_io.drawing.style import (
    BLACK,
    DOT_IN_LINES,
    MAX_LINE_WIDTH,
    OUTLINE,
    OUTLINE_OPACITY,
    is_light,
    line_width,
)
from kp_io.keypoints.layout import IBUG68, KeypointLayout
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.image import Picture

#: More than any camera has; a file whose picture size is damaged would else fill the memory.
_MAX_PIXELS = 1 << 28

#: Fractional bits of OpenCV's coordinates: points are placed to 1/256 px.
_SHIFT = 8

_Ground = tuple[int, int, int] | Picture | Iterable[Picture]


def rasterize(
    keypoints: KeypointSequence | Float[Tensor, "t k d"],
    *,
    image_size: tuple[int, int] | None = None,
    height: int | None = None,
    crop: tuple[int, int, int, int] | None = None,
    background: _Ground = BLACK,
    thickness: int | None = None,
    dots: bool | None = None,
    layout: KeypointLayout = IBUG68,
) -> Iterator[Picture]:
    """Draw keypoints frame by frame.

    Args:
        keypoints: A sequence, or `(T, K, 2)` pixels; a third coordinate is not drawn.
        image_size: Height and width of the picture that the pixels belong to; a sequence knows its own.
        height: Height of the drawn frames, pixels; points, width and background are scaled along. By default that of
            `image_size` or `crop`.
        crop: Part of the picture to show, `(left, top, right, bottom)` in pixels, the ends excluded: `face_box` finds
            one.
        background: One colour (`BLACK`, `WHITE`), one picture for all frames, or one picture a frame, whose last one
            is held where they end early. Pictures of another size than `image_size` are scaled to it when they have its
            proportions.
        thickness: Width of the lines, pixels; by default it follows from the size of the face.
        dots: Whether to mark the points themselves; by default only over pictures.
        layout: Meaning of the points of a tensor; a sequence knows its own.

    Yields:
        `(H, W, 3)` uint8 RGB, each a new array.

    Raises:
        ValueError: The keypoints are not `(T, K, 2 or 3)`, the image size is unknown, a number is not positive, or a
            frame would have more than 2²⁸ pixels.

    Example:
        >>> import torch
        >>> points = torch.rand(3, 68, 2) * 64
        >>> [frame.shape for frame in rasterize(points, image_size=(64, 64), height=256)]
        [(256, 256, 3), (256, 256, 3), (256, 256, 3)]
    """
    if isinstance(keypoints, KeypointSequence):
        image_size, layout, points = keypoints.image_size, keypoints.layout, keypoints.keypoints
    else:
        points = keypoints
    if image_size is None:
        raise ValueError("expected image_size=(height, width) with a tensor of keypoints, got None")
    if points.ndim != 3 or points.shape[1] != layout.num_keypoints or points.shape[2] < 2:
        raise ValueError(f"expected keypoints (T, {layout.num_keypoints}, 2), got {tuple(points.shape)}")
    sides = (*image_size, 1 if height is None else height)
    if min(sides) < 1 or (thickness is not None and not 1 <= thickness <= MAX_LINE_WIDTH):
        raise ValueError(
            f"expected positive numbers, and a thickness of at most {MAX_LINE_WIDTH}, "
            f"got {image_size=}, {height=}, {thickness=}"
        )
    left, top, right, bottom = crop or (0, 0, image_size[1], image_size[0])
    if not (0 <= left < right <= image_size[1] and 0 <= top < bottom <= image_size[0]):
        raise ValueError(f"expected a crop (left, top, right, bottom) within {image_size=}, got {crop}")
    scale = 1.0 if height is None else height / (bottom - top)
    size = (height or bottom - top, max(1, round((right - left) * scale)))
    if size[0] * size[1] > _MAX_PIXELS:
        raise ValueError(f"expected frames of at most {_MAX_PIXELS:,} px, got {size[0]}×{size[1]}; crop to the face")
    # Pixel centres are whole numbers, so the picture's edge, half a pixel before the first, is what scales to itself.
    xy = (points[..., :2].detach().cpu().double().numpy() - (left, top) + 0.5) * scale - 0.5
    is_photo = not isinstance(background, tuple)
    width_px = thickness or line_width(xy, over_photo=is_photo)
    return _draw_frames(
        xy,
        _canvases(background, image_size, (left, top, right, bottom), size),
        width_px,
        dots=is_photo if dots is None else dots,
        outline=not isinstance(background, tuple) or is_light(background),
        layout=layout,
    )


def draw_keypoints(
    image: Picture,
    points: Float[Tensor, "k d"],
    *,
    thickness: int | None = None,
    dots: bool = True,
    layout: KeypointLayout = IBUG68,
) -> Picture:
    """Return a copy of a picture with the points `(K, 2)` drawn over it, outlined so that they show on any ground.

    Example:
        >>> import torch
        >>> photo = np.full((200, 200, 3), 90, np.uint8)
        >>> drawn = draw_keypoints(photo, torch.rand(68, 2) * 200)
        >>> drawn.shape, bool((photo == 90).all())
        ((200, 200, 3), True)
    """
    size = (image.shape[0], image.shape[1])
    frames = rasterize(points[None], image_size=size, background=image, thickness=thickness, dots=dots, layout=layout)
    return next(frames)


def face_box(
    keypoints: KeypointSequence | Float[Tensor, "t k d"],
    *,
    image_size: tuple[int, int] | None = None,
    margin: float = 0.35,
) -> tuple[int, int, int, int]:
    """Return a square around the keypoints of all frames, within the picture, for `rasterize` to crop to.

    Args:
        keypoints: A sequence, or `(T, K, 2)` pixels.
        image_size: Height and width of the picture; a sequence knows its own.
        margin: Room on every side, in sizes of the face; a part of it moves from the chin to the hair.

    Returns:
        `(left, top, right, bottom)` in pixels, the ends excluded.

    Example:
        >>> import torch
        >>> face_box(torch.tensor([[[100.0, 100.0], [140.0, 140.0]]]), image_size=(480, 640), margin=0.5)
        (80, 76, 160, 156)
    """
    if isinstance(keypoints, KeypointSequence):
        image_size, keypoints = keypoints.image_size, keypoints.keypoints
    if image_size is None:
        raise ValueError("expected image_size=(height, width) with a tensor of keypoints, got None")
    low, high = keypoints[..., :2].amin(dim=(0, 1)).tolist(), keypoints[..., :2].amax(dim=(0, 1)).tolist()
    face = max(high[0] - low[0], high[1] - low[1], 1.0)
    side = min(max(2, round(face * (1 + 2 * margin))), *image_size)
    left = round((low[0] + high[0] - side) / 2)
    top = round((low[1] + high[1] - side) / 2 - 0.1 * face)
    left, top = min(max(0, left), image_size[1] - side), min(max(0, top), image_size[0] - side)
    return left, top, left + side, top + side


def _draw_frames(
    xy: np.ndarray,
    canvases: Iterator[Picture],
    thickness: int,
    *,
    dots: bool,
    outline: bool,
    layout: KeypointLayout,
) -> Iterator[Picture]:
    # Points far outside would overflow OpenCV's fixed-point numbers; clipped ones are outside all the same.
    fixed = (xy.clip(-32000, 32000) * (1 << _SHIFT)).round().astype(np.int32)
    for points, canvas in zip(fixed, canvases, strict=False):
        if outline:
            outlined = canvas.copy()
            _draw_face(outlined, points, layout, thickness, dots=dots, outline=True)
            cv2.addWeighted(outlined, OUTLINE_OPACITY, canvas, 1 - OUTLINE_OPACITY, 0, dst=canvas)
        _draw_face(canvas, points, layout, thickness, dots=dots, outline=False)
        yield canvas


def _draw_face(
    canvas: Picture,
    points: np.ndarray,
    layout: KeypointLayout,
    thickness: int,
    *,
    dots: bool,
    outline: bool,
) -> None:
    radius = round((DOT_IN_LINES * thickness / 2 + outline) * (1 << _SHIFT))
    width = thickness + 2 * outline
    for part in layout.parts:
        line = points[part.start : part.stop]
        colour = OUTLINE if outline else part.colour
        cv2.polylines(canvas, [line], part.closed, colour, width, cv2.LINE_AA, _SHIFT)
        if dots:
            for x, y in line.tolist():
                cv2.circle(canvas, (x, y), radius, colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _canvases(
    background: _Ground, image_size: tuple[int, int], crop: tuple[int, int, int, int], size: tuple[int, int]
) -> Iterator[Picture]:
    """Yield a fresh canvas of `size` to draw on, endlessly or for each picture."""
    left, top, right, bottom = crop
    if isinstance(background, tuple):
        plain = np.full((*size, 3), background, np.uint8)
        yield from (plain.copy() for _ in repeat(None))
        return
    picture = None
    for image in [background] if isinstance(background, np.ndarray) else background:
        picture = _resized(_fitted(image, image_size)[top:bottom, left:right], size)
        yield picture.copy()
    if picture is None:
        raise ValueError("expected at least one background picture, got none")
    yield from (picture.copy() for _ in repeat(None))


def _fitted(image: Picture, image_size: tuple[int, int]) -> Picture:
    """Scale a background to the size of the picture that the keypoints belong to."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"expected a background picture (H, W, 3) uint8, got {image.shape} {image.dtype}")
    (height, width), (own_height, own_width) = image_size, image.shape[:2]
    # Sizes padded to even numbers still count as the same proportions.
    if abs(own_width * height / own_height - width) > max(2, 0.02 * width):
        raise ValueError(
            f"expected a background with the proportions of the keypoints' picture, {width}×{height} px, "
            f"got {own_width}×{own_height} px; draw over the video or picture that was annotated"
        )
    return _resized(image, image_size)


def _resized(image: Picture, size: tuple[int, int]) -> Picture:
    height, width = size
    if image.shape[:2] == size:
        return image
    method = cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)
