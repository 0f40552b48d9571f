"""How often the people of a corpus blink, and how a blink runs."""

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.residual import BLINK_FRAMES
from a2k_train.data.clip import Clip
from kp_metrics import eye_aspect_ratio

# Frames of a blink before its deepest one, and frames on both sides that tell how open the eye is otherwise.
_BEFORE, _AROUND = 2, 4

#: An eye this much narrower than around it is blinking.
_NARROWER = 0.7

# Detectors' points stop half-way down, so the depth is ours: closed but for a tenth.
_DEPTH = 0.9


def find_blinks(ratio: Float[Tensor, " t"]) -> list[Float[Tensor, " f"]]:
    """Return the course of each blink in a series of eye aspect ratios, over that of the open eye around it.

    Example:
        >>> ratio = torch.full((40,), 0.3)
        >>> ratio[20:23] = torch.tensor([0.2, 0.1, 0.2])
        >>> [course[:4].round(decimals=2) for course in find_blinks(ratio)]
        [tensor([1.0000, 0.6700, 0.3300, 0.6700])]
    """
    after = BLINK_FRAMES - _BEFORE
    found = []
    for t in range(_BEFORE + _AROUND, len(ratio) - after - _AROUND + 1):
        nearby = ratio[t - _BEFORE - _AROUND : t + after + _AROUND]
        open_eye = torch.minimum(nearby[:_AROUND].median(), nearby[-_AROUND:].median())
        if ratio[t] == nearby.min() and ratio[t] < _NARROWER * open_eye:
            found.append(ratio[t - _BEFORE : t + after] / open_eye)
    return found


def fit_blinks(clips: list[Clip]) -> tuple[Float[Tensor, " f"], float]:
    """Return the typical course of a blink, shares by which the lids are closed, and the blinks a frame.

    Clips without any give no blinks.
    """
    courses = [course for clip in clips for course in find_blinks(eye_aspect_ratio(clip.keypoints))]
    frames = sum(clip.num_frames for clip in clips)
    if not courses:
        return torch.zeros(BLINK_FRAMES), 0.0
    closed = 1 - torch.stack(courses).median(dim=0).values
    closed = closed.clamp(min=0)
    # A blink ends with open eyes.
    closed[-1] = 0.0
    return _DEPTH * closed / closed.max(), min(len(courses) / frames, 0.5 / BLINK_FRAMES)
