"""Scores of frames by pixels, in crops of the face and of the mouth."""

import cv2
import numpy as np
from skimage.metrics import structural_similarity

__all__ = ["CROP_SCORES", "Image", "crop", "errors"]

Image = np.ndarray

#: Side of a crop, pixels, and how much larger than the box of its keypoints it is.
SIDE = 96
_FACE, _MOUTH = 1.1, 1.5
CROP_SCORES = [f"{part} {score}" for part in ("face", "mouth") for score in ("L1", "PSNR", "SSIM")]


def crop(frame: Image, points: np.ndarray, grow: float) -> Image:
    """Cut a square around points, and scale it to one side for all."""
    middle, half = points.mean(axis=0), grow * np.ptp(points, axis=0).max() / 2
    scale = SIDE / (2 * half)
    matrix = np.array([[scale, 0, SIDE / 2 - scale * middle[0]], [0, scale, SIDE / 2 - scale * middle[1]]])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.warpAffine(frame, matrix, (SIDE, SIDE), flags=method, borderMode=cv2.BORDER_REPLICATE)


def errors(frame: Image, truth: Image, points: np.ndarray) -> dict[str, float]:
    """Score a frame in the face and in the mouth; `detail` is its mean gradient relative to that of the truth."""
    found = {}
    for name, part, grow in (("face", points, _FACE), ("mouth", points[48:], _MOUTH)):
        ours, true = crop(frame, part, grow), crop(truth, part, grow)
        difference = ours.astype(float) - true
        found[f"{name} L1"] = float(np.abs(difference).mean())
        found[f"{name} PSNR"] = float(10 * np.log10(255**2 / max(np.square(difference).mean(), 1e-3)))
        found[f"{name} SSIM"] = float(structural_similarity(ours, true, channel_axis=2))
        found[f"{name} detail"] = _gradient(ours) / max(_gradient(true), 1e-3)
    return found


def _gradient(part: Image) -> float:
    grey = part.astype(float).mean(axis=2)
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean())
