"""Write short animations as GIF, WebP or APNG (Pillow)."""

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from kp_io.filesystem.atomic import atomic_path

#: Formats of Pillow by suffix; a `.png` is a still picture.
_FORMATS = {".gif": "GIF", ".webp": "WEBP", ".apng": "PNG"}

#: Suffixes of animations.
ANIMATION_SUFFIXES = frozenset(_FORMATS)

#: Units of the durations in seconds: a GIF counts hundredths, and browsers slow down below two of them.
_GIF_UNIT, _GIF_MIN = 0.01, 0.02


def write_animation(
    path: str | os.PathLike[str], frames: Iterable[UInt8[np.ndarray, "_ _ 3"]], *, fps: float = 25.0
) -> None:
    """Write frames atomically as an animation that repeats for ever.

    A GIF has 256 colours a frame and durations in hundredths of a second: these alternate so that no time is gained or
    lost, and above 50 fps frames are left out, which browsers would show too slowly. All frames are held in memory.

    Args:
        path: Output file: `.gif`, `.webp` or `.apng`. A missing folder is created.
        frames: `(H, W, 3)` uint8 RGB each, all of one size.
        fps: Frames per second.

    Raises:
        ValueError: There is no frame, frames differ in size, or the suffix is another.
        OSError: The folder cannot be written.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix not in _FORMATS:
        raise ValueError(f"expected an animation ending in {', '.join(_FORMATS)}, got {target}")
    if not 0 < fps < float("inf"):
        raise ValueError(f"expected a positive number of frames per second, got {fps=}")
    pictures: list[Image.Image] = []
    durations: list[int] = []
    is_gif = suffix == ".gif"
    for frame, milliseconds in _timed(frames, fps, unit=_GIF_UNIT if is_gif else 0.001, least=_GIF_MIN * is_gif):
        picture = Image.fromarray(frame)
        if pictures and picture.size != pictures[0].size:
            raise ValueError(f"expected frames of {pictures[0].size}, width and height, got {picture.size}")
        pictures.append(picture.quantize() if is_gif else picture)
        durations.append(milliseconds)
    if not pictures:
        raise ValueError(f"expected at least one frame for {target}, got none")
    options = {"quality": 90, "method": 2} if suffix == ".webp" else {}
    with atomic_path(target) as temporary:
        pictures[0].save(
            temporary,
            format=_FORMATS[suffix],
            save_all=True,
            append_images=pictures[1:],
            duration=durations,
            loop=0,
            **options,
        )


def _timed(
    frames: Iterable[UInt8[np.ndarray, "_ _ 3"]], fps: float, *, unit: float, least: float
) -> Iterator[tuple[UInt8[np.ndarray, "_ _ 3"], int]]:
    """Yield the frames to show and their durations in ms, whole units, whose sum follows the clock."""
    shown, begun = None, 0
    for index, frame in enumerate(chain(frames, [None])):
        now = round(index / fps / unit)
        if shown is None:
            shown = frame
        elif frame is None or now - begun >= max(1, round(least / unit)):
            yield shown, round(1000 * unit * max(1, now - begun))
            shown, begun = frame, now
