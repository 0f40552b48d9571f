"""Video of a moving public-domain portrait, for benchmarks that need a face."""

from pathlib import Path

import numpy as np
import torch

from kp_io import write_video

__all__ = ["portrait_frames", "write_portrait"]


def portrait_frames(count: int) -> list[np.ndarray]:
    """Return `count` frames `(400, 400, 3)`; dlib finds the face in the first (needs scikit-image)."""
    from skimage.data import astronaut

    picture = astronaut()[:400, 30:430]
    return [np.roll(picture, (round(6 * np.sin(t / 9)), t % 20), axis=(0, 1)) for t in range(count)]


def write_portrait(path: Path, count: int) -> Path:
    """Write the frames as a video with audio at 25 fps; return its path."""
    write_video(path, portrait_frames(count), audio=0.2 * torch.sin(torch.arange(count * 640) / 7))
    return path
