"""How restless the picture around a face is."""

import numpy as np
from rendering.crops import Image

__all__ = ["flicker"]

#: What is still: outside of the box of all keypoints, grown by this.
STILL_BOX = 1.5


def flicker(frames: list[Image], points: np.ndarray) -> dict[str, float]:
    """Return the mean second difference over time outside of the box around the keypoints, in grey levels."""
    if len(frames) < 3:
        return {}
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    middle, half = (low + high) / 2, STILL_BOX * (high - low).max() / 2
    y, x = np.mgrid[: frames[0].shape[0], : frames[0].shape[1]]
    still = np.maximum(abs(x - middle[0]), abs(y - middle[1])) > half
    if not still.any():
        return {}
    grey = np.stack([frame.mean(axis=2) for frame in frames])
    return {"flicker": float(np.abs(np.diff(grey, n=2, axis=0))[:, still].mean())}
