"""Frequency and typical course of the blinks in a corpus."""

import torch
from jaxtyping import Float
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


def find_blinks(ratio: Float[Tensor, " t"]) -> list[Float[Tensor, " f"]]:
    """Return the aspect ratios during each blink, relative to the open eye before and after it.

    Example:
        >>> ratio = torch.full((40,), 0.3)
        >>> ratio[20:23] = torch.tensor([0.2, 0.1, 0.2])
        >>> [blink[:4].round(decimals=2) for blink in find_blinks(ratio)]
        [tensor([1.0000, 0.6700, 0.3300, 0.6700])]
    """
    after = BLINK_FRAMES - _BEFORE
    blinks = []
    for t in range(_BEFORE + _AROUND, len(ratio) - after - _AROUND + 1):
        nearby = ratio[t - _BEFORE - _AROUND : t + after + _AROUND]
        open_eye = torch.minimum(nearby[:_AROUND].median(), nearby[-_AROUND:].median())
        if ratio[t] == nearby.min() and ratio[t] < _BLINK_RATIO * open_eye:
            blinks.append(ratio[t - _BEFORE : t + after] / open_eye)
    return blinks


def fit_blinks(clips: list[Clip]) -> tuple[Float[Tensor, " f"], float]:
    """Return how far the lids are closed in each frame of a typical blink (0 to 1), and the number of blinks per frame.

    Clips without blinks give zeros.
    """
    blinks = [blink for clip in clips for blink in find_blinks(eye_aspect_ratio(clip.keypoints))]
    frames = sum(clip.num_frames for clip in clips)
    if not blinks:
        return torch.zeros(BLINK_FRAMES), 0.0
    closed = 1 - torch.stack(blinks).median(dim=0).values
    closed = closed.clamp(min=0)
    # A blink ends with open eyes.
    closed[-1] = 0.0
    return _DEPTH * closed / closed.max(), min(len(blinks) / frames, 0.5 / BLINK_FRAMES)
