"""Draw keypoints as anti-aliased lines in the colours of the face parts (OpenCV)."""

from collections.abc import Iterable, Iterator
from itertools import repeat

import cv2
import numpy as np
from jaxtyping import Float
from torch import Tensor

from kp_io.drawing.image_warp import resize_image
from kp_io.drawing.style import BLACK, OUTLINE, OUTLINE_OPACITY, LineStyle, choose_style
from kp_io.keypoints.layout import IBUG68, KeypointLayout
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.image import RGBImage

#: More than any camera has; a damaged image size would otherwise fill the memory.
_MAX_PIXELS = 1 << 28

#: Fractional bits of OpenCV's coordinates: a resolution of 1/256 px.
_SHIFT = 8

Background = tuple[int, int, int] | RGBImage | Iterable[RGBImage]


def rasterize(
    keypoints: KeypointSequence | Float[Tensor, "t k d"],
    *,
    image_size: tuple[int, int] | None = None,
    height: int | None = None,
    crop: tuple[int, int, int, int] | None = None,
    background: Background = BLACK,
    thickness: int | None = None,
    dots: bool | None = None,
    layout: KeypointLayout = IBUG68,
) -> Iterator[RGBImage]:
    """Draw keypoints frame by frame.

    Args:
        keypoints: A sequence, or `(T, K, 2)` pixels; a third coordinate is ignored.
        image_size: Height and width of the keypoints' image, required with a tensor; a sequence has its own.
        height: Height of the drawn frames, pixels; width, points and background are scaled with it. By default that of
            `image_size` or `crop`.
        crop: Region to show, `(left, top, right, bottom)` in pixels, ends excluded; see `face_box`.
        background: One colour (`BLACK`, `WHITE`), one image for all frames, or one image per frame, the last of which
            is held if they end early. Images of another size but the same proportions are scaled to `image_size`.
        thickness: Line width, pixels; by default it follows from the face size.
        dots: Whether to draw the points; by default only over images.
        layout: Meaning of the points of a tensor; a sequence has its own.

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
    if min(*image_size, 1 if height is None else height) < 1:
        raise ValueError(f"expected a positive image_size and height, got {image_size=}, {height=}")
    left, top, right, bottom = crop or (0, 0, image_size[1], image_size[0])
    if not (0 <= left < right <= image_size[1] and 0 <= top < bottom <= image_size[0]):
        raise ValueError(f"expected a crop (left, top, right, bottom) within {image_size=}, got {crop}")
    scale = 1.0 if height is None else height / (bottom - top)
    size = (height or bottom - top, max(1, round((right - left) * scale)))
    if size[0] * size[1] > _MAX_PIXELS:
        raise ValueError(f"expected frames of at most {_MAX_PIXELS:,} px, got {size[0]}×{size[1]}; crop to the face")
    # Pixel centres are whole numbers: the fixed point of scaling is the image's edge, half a pixel before the first.
    xy = (points[..., :2].detach().cpu().double().numpy() - (left, top) + 0.5) * scale - 0.5
    style = choose_style(xy, background, thickness=thickness, dots=dots)
    return _draw_frames(xy, _canvases(background, image_size, (left, top, right, bottom), size), style, layout)


def draw_keypoints(
    image: RGBImage,
    points: Float[Tensor, "k d"],
    *,
    thickness: int | None = None,
    dots: bool = True,
    layout: KeypointLayout = IBUG68,
) -> RGBImage:
    """Return a copy of an image with the points `(K, 2)` drawn on it, with an outline.

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
    """Return a square around the keypoints of all frames, within the image: a `crop` for `rasterize`.

    Args:
        keypoints: A sequence, or `(T, K, 2)` pixels.
        image_size: Height and width of the image, required with a tensor; a sequence has its own.
        margin: Margin on every side, in face sizes; the square is shifted up a little towards the hair.

    Returns:
        `(left, top, right, bottom)` in pixels, ends excluded.

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


def fit_background(image: RGBImage, image_size: tuple[int, int]) -> RGBImage:
    """Scale a background `(H, W, 3)` uint8 to the size of the keypoints' image, height and width.

    Raises:
        ValueError: It is no RGB image, or its proportions differ.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"expected a background image (H, W, 3) uint8, got {image.shape} {image.dtype}")
    (height, width), (own_height, own_width) = image_size, image.shape[:2]
    # Sizes padded to even numbers still have the same proportions.
    if abs(own_width * height / own_height - width) > max(2, 0.02 * width):
        raise ValueError(
            f"expected a background with the proportions of the keypoints' image, {width}×{height} px, "
            f"got {own_width}×{own_height} px; draw over the annotated video or image"
        )
    return resize_image(image, image_size)


def _draw_frames(
    xy: np.ndarray, canvases: Iterator[RGBImage], style: LineStyle, layout: KeypointLayout
) -> Iterator[RGBImage]:
    # Points far outside would overflow OpenCV's fixed-point numbers; clipped ones are still outside.
    fixed = (xy.clip(-32000, 32000) * (1 << _SHIFT)).round().astype(np.int32)
    for points, canvas in zip(fixed, canvases, strict=False):
        if style.outline:
            outlined = canvas.copy()
            _draw_face(outlined, points, layout, style, outline=True)
            cv2.addWeighted(outlined, OUTLINE_OPACITY, canvas, 1 - OUTLINE_OPACITY, 0, dst=canvas)
        _draw_face(canvas, points, layout, style, outline=False)
        yield canvas


def _draw_face(
    canvas: RGBImage, points: np.ndarray, layout: KeypointLayout, style: LineStyle, *, outline: bool
) -> None:
    radius = round(style.dot_radius(outline=outline) * (1 << _SHIFT))
    width = style.width + 2 * outline
    for part in layout.parts:
        line = points[part.start : part.stop]
        colour = OUTLINE if outline else part.colour
        cv2.polylines(canvas, [line], part.closed, colour, width, cv2.LINE_AA, _SHIFT)
        if style.dots:
            for x, y in line.tolist():
                cv2.circle(canvas, (x, y), radius, colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _canvases(
    background: Background, image_size: tuple[int, int], crop: tuple[int, int, int, int], size: tuple[int, int]
) -> Iterator[RGBImage]:
    """Yield new canvases of `size`: one per background image, then copies of the last one without end."""
    left, top, right, bottom = crop
    if isinstance(background, tuple):
        plain = np.full((*size, 3), background, np.uint8)
        yield from (plain.copy() for _ in repeat(None))
        return
    canvas = None
    for image in [background] if isinstance(background, np.ndarray) else background:
        canvas = resize_image(fit_background(image, image_size)[top:bottom, left:right], size)
        yield canvas.copy()
    if canvas is None:
        raise ValueError("expected at least one background image, got none")
    yield from (canvas.copy() for _ in repeat(None))
