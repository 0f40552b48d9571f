"""Frequency and typical course of the blinks in a corpus."""

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2k_nets.residual import BLINK_FRAMES
from a2k_train.data.clip import Clip
from kp_metrics import eye_aspect_ratio

# Frames of a blink before its minimum, and frames on both sides that measure the open eye.
_BEFORE, _AROUND = 2, 4

#: A blink's minimum lies below this share of the open eye's aspect ratio.
_BLINK_RATIO = 0.7

# Detected eyes close only half-way, so the depth of a blink is set here: closed but for a tenth.
_DEPTH = 0.9


def find_blinks(ratio: Float[Tensor, " t"], measured: Bool[Tensor, " t"] | None = None) -> list[Float[Tensor, " _"]]:
    """Return the aspect ratios during each blink, relative to the open eye before and after it.

    Blinks near frames that were not measured are left out; by default all frames are measured.

    Example:
        >>> ratio = torch.full((40,), 0.3)
        >>> ratio[20:23] = torch.tensor([0.2, 0.1, 0.2])
        >>> [blink[:4].round(decimals=2) for blink in find_blinks(ratio)]
        [tensor([1.0000, 0.6700, 0.3300, 0.6700])]
    """
    size = BLINK_FRAMES + 2 * _AROUND
    if len(ratio) < size:
        return []
    nearby = ratio.unfold(0, size, 1)
    lowest = nearby[:, _BEFORE + _AROUND]
    open_eye = torch.minimum(nearby[:, :_AROUND].median(dim=1).values, nearby[:, -_AROUND:].median(dim=1).values)
    found = (lowest == nearby.amin(dim=1)) & (lowest < _BLINK_RATIO * open_eye)
    if measured is not None:
        found &= measured.unfold(0, size, 1).all(dim=1)
    return list((nearby[:, _AROUND:-_AROUND] / open_eye[:, None])[found])


def fit_blinks(clips: Iterable[Clip]) -> tuple[Float[Tensor, " f"], float]:
    """Return how far the lids are closed in each frame of a typical blink (0 to 1), and the number of blinks per frame.

    Only measured frames count. Clips without blinks give zeros.
    """
    blinks, frames = [], 0
    for clip in clips:
        blinks += find_blinks(eye_aspect_ratio(clip.keypoints.cpu()), clip.measured.cpu())
        frames += int(clip.measured.sum())
    return typical_blink(blinks, frames)


def typical_blink(blinks: list[Float[Tensor, " _"]], frames: int) -> tuple[Float[Tensor, " f"], float]:
    """Return the same as `fit_blinks` for the blinks found in a number of frames."""
    if not blinks:
        return torch.zeros(BLINK_FRAMES), 0.0
    closed = 1 - torch.stack(blinks).median(dim=0).values
    closed = closed.clamp(min=0)
    # A blink ends with open eyes.
    closed[-1] = 0.0
    return _DEPTH * closed / closed.max(), min(len(blinks) / frames, 0.5 / BLINK_FRAMES)
