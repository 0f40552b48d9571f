"""A still picture from an image file or from the first frame of a video."""

import os
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from kp_io.media.container import find_video_stream, open_media
from kp_io.media.image import IMAGE_SUFFIXES, read_image
from kp_io.media.video_reader import read_video


def read_still(path: str | os.PathLike[str]) -> UInt8[np.ndarray, "h w 3"]:
    """Read an image, or the first frame of a video, as upright `(H, W, 3)` uint8 RGB.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is neither a readable image nor a readable video.
    """
    if not is_video(path):
        return read_image(path)
    frame = next(iter(read_video(path)), None)
    if frame is None:
        raise ValueError(f"expected a video with at least one frame, got none in {path}")
    return frame


def is_video(path: str | os.PathLike[str]) -> bool:
    """Return whether a file is a video, by its content; the suffix of an image decides before that.

    Example:
        >>> is_video("face.png")
        False
    """
    if Path(path).suffix.lower() in IMAGE_SUFFIXES or not Path(path).is_file():
        return False
    try:
        with open_media(Path(path), expected="a video") as container:
            # FFmpeg opens images as well, by demuxers such as png_pipe.
            is_image = container.format.name.endswith("_pipe") or container.format.name == "image2"
            return not is_image and find_video_stream(container) is not None
    except (OSError, ValueError):
        return False
