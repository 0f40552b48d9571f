"""A portrait that sways a little: a face that may be in the repository, for benchmarks that need a video."""

from pathlib import Path

import numpy as np
import torch

from kp_io import write_video

__all__ = ["portrait_frames", "write_portrait"]


def portrait_frames(count: int) -> list[np.ndarray]:
    """Return `count` frames `(400, 400, 3)`; the first shows a face for dlib to find (needs scikit-image)."""
    from skimage.data import astronaut

    picture = astronaut()[:400, 30:430]
    return [np.roll(picture, (round(6 * np.sin(t / 9)), t % 20), axis=(0, 1)) for t in range(count)]


def write_portrait(path: Path, count: int) -> Path:
    """Write them as a video with sound, 25 frames a second; return its path."""
    write_video(path, portrait_frames(count), audio=0.2 * torch.sin(torch.arange(count * 640) / 7))
    return path
