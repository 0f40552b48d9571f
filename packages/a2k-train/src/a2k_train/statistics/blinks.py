"""Frequency and typical course of the blinks in a corpus."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2k_nets.head import BLINK_LENGTH, LONGEST_WAIT, BlinkTimes
from a2k_nets.residual import BLINK_FRAMES
from a2k_train.data.clip import Clip
from kp_metrics import eye_aspect_ratio

# Frames of a blink before its minimum, and frames on both sides that measure the open eye.
_BEFORE, _AROUND = 2, 4

#: A blink's minimum lies below this share of the open eye's aspect ratio.
_BLINK_RATIO = 0.7

# Detected eyes close only half-way, so the depth of a blink is set here: closed but for a tenth.
_DEPTH = 0.9

# A blink closes the lids by this share at least, and is over half its depth for at most half a second; this many frames
# belong to it before that.
_CLOSED, _MAX_HALF, _RISE = 0.3, 12, 3

# Less is the jitter of the detector.
_NOT_CLOSED = 0.05

# Frames of the running median that is the open eye.
_OPEN = 51

# Bounds, in frames since a blink began, of the stretches in which the chance of the next one is taken for constant.
_STRETCHES = (BLINK_LENGTH, 25, 37, 50, 75, 100, 150, LONGEST_WAIT)


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


def lid_closing(keypoints: Float[Tensor, "t k 2"]) -> Float[Tensor, " t"]:
    """Return the share by which the lids are closed in each frame, relative to the median eye within a second.

    Example:
        >>> lid_closing(torch.rand(1, 68, 2).expand(60, -1, -1)).abs().max() < 1e-5
        tensor(True)
    """
    ratio = eye_aspect_ratio(keypoints.cpu())
    side = _OPEN // 2
    around = torch.cat((ratio[:1].expand(side), ratio, ratio[-1:].expand(side))).unfold(0, _OPEN, 1)
    return (1 - ratio / around.median(dim=1).values.clamp(min=1e-3)).clamp(-0.3, 1)


def blink_events(closing: Float[Tensor, " t"], measured: Bool[Tensor, " t"]) -> list[tuple[int, int, float]]:
    """Return the blinks in the output of `lid_closing`: first frame over half of its depth, number of those, depth.

    Blinks near frames that were not measured are left out, and eyes that stay closed for more than half a second.

    Example:
        >>> closing = torch.zeros(40)
        >>> closing[20:23] = torch.tensor([0.5, 0.8, 0.6])
        >>> [(start, frames) for start, frames, _ in blink_events(closing, torch.ones(40, dtype=torch.bool))]
        [(20, 3)]
    """
    values, valid = closing.tolist(), measured.tolist()
    found, frame = [], 1
    while frame < len(values) - 2:
        depth = values[frame]
        if depth <= _CLOSED or depth < values[frame - 1] or depth <= values[frame + 1]:
            frame += 1
            continue
        start = stop = frame
        while start > 0 and values[start - 1] > depth / 2:
            start -= 1
        while stop < len(values) - 1 and values[stop + 1] > depth / 2:
            stop += 1
        if stop - start < _MAX_HALF and all(valid[max(0, start - _RISE) : stop + _RISE + 1]):
            found.append((start, stop - start + 1, depth))
        frame = stop + 3
    return found


@torch.no_grad()
def fit_blink_times(blinks: BlinkTimes, clips: Sequence[tuple[Float[Tensor, " t"], Bool[Tensor, " t"]]]) -> None:
    """Set waiting times and courses of blinks to those in clips; without any blink there, there are none.

    The time before the first blink of a clip counts as long: when the last one was is not known. Detected eyes close
    only half-way, so all courses are scaled alike to a typical depth of nine tenths.

    Args:
        blinks: The tables.
        clips: For each clip the output of `lid_closing`, and the frames that were measured.
    """
    at_risk, starts = torch.zeros(LONGEST_WAIT + 1), torch.zeros(LONGEST_WAIT + 1)
    courses: list[tuple[int, Tensor]] = []
    for closing, measured in clips:
        events = blink_events(closing, measured)
        first = {start - _RISE: frames for start, frames, _ in events}
        since = LONGEST_WAIT
        for frame in range(len(closing)):
            if bool(measured[frame]):
                at_risk[since] += 1
                starts[since] += frame in first
            since = 0 if frame in first else min(since + 1, LONGEST_WAIT)
        for start, frames in first.items():
            if start >= 0 and start + BLINK_LENGTH <= len(closing):
                courses.append((frames, _from_open_to_open(closing[start : start + BLINK_LENGTH])))
    if not courses:
        return
    edges = [*_STRETCHES, LONGEST_WAIT + 1]
    for low, high in pairwise(edges):
        blinks.chance[low:high] = starts[low:high].sum() / at_risk[low:high].sum().clamp(min=1)
    # Evenly from the shortest to the longest.
    courses.sort(key=lambda course: (course[0], float(course[1].sum())))
    count = len(blinks.curves)
    table = torch.stack([courses[int((row + 0.5) / count * len(courses))][1] for row in range(count)])
    blinks.curves.copy_((table * (_DEPTH / table.amax(dim=1).median())).clamp(max=1))


def _from_open_to_open(course: Float[Tensor, " f"]) -> Float[Tensor, " f"]:
    """Return a course less the line through its ends, and without what is left once the lids have opened."""
    line = torch.linspace(float(course[0]), float(course[-1]), len(course))
    course = (course - line).clamp(min=0)
    peak = int(course.argmax())
    # The lids only open after the peak, and stay open.
    after = torch.cummin(course[peak:], dim=0).values
    before = torch.cummin(course[: peak + 1].flip(0), dim=0).values.flip(0)
    course = torch.cat((before[:-1], after))
    course[course < _NOT_CLOSED] = 0
    course[0] = course[-1] = 0
    return course
