"""Blinks in the track of the lids: when, how long, and what is left after them."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

# Lids that are closed by more than this at a peak blink, if they are closed by half of the peak for at most so long.
_CLOSED, _LONGEST = 0.3, 12

# Frames after the peak of a blink in which its rest is measured, 0.4 to 0.72 s, and before it, for what is usual.
_AFTER, _BEFORE = (10, 18), (-14, -6)


@dataclass(frozen=True, slots=True)
class Blink:
    """A blink.

    Attributes:
        peak: Frame in which the lids are closed most.
        frames: Frames in which they are closed by more than half of that.
        depth: By how much they are closed at the peak.
        left: How much more they are closed half a second later than half a second before; NaN where another blink or
            the end of the clip is near.
    """

    peak: int
    frames: int
    depth: float
    left: float


def find_lid_blinks(closing: Float[Tensor, " t"], measured: Bool[Tensor, " t"] | None = None) -> list[Blink]:
    """Return the blinks of a track of `lid_closing`; those near frames that were not measured are left out.

    Example:
        >>> closing = torch.zeros(60)
        >>> closing[30:34] = torch.tensor([0.3, 0.9, 0.5, 0.1])
        >>> find_lid_blinks(closing)
        [Blink(peak=31, frames=2, depth=0.89..., left=0.0)]
    """
    values = closing.tolist()
    valid = [True] * len(values) if measured is None else measured.tolist()
    found: list[tuple[int, int, float]] = []
    frame = 1
    while frame < len(values) - 1:
        depth = values[frame]
        if depth > _CLOSED and depth >= values[frame - 1] and depth > values[frame + 1]:
            first = last = frame
            while first > 0 and values[first - 1] > depth / 2:
                first -= 1
            while last < len(values) - 1 and values[last + 1] > depth / 2:
                last += 1
            if last - first < _LONGEST and all(valid[max(0, first - 3) : last + 4]):
                found.append((frame, last - first + 1, depth))
            frame = last + 3
        else:
            frame += 1
    peaks = [peak for peak, _, _ in found]
    return [Blink(peak, frames, depth, _left(values, peak, peaks)) for peak, frames, depth in found]


def _left(values: list[float], peak: int, peaks: list[int]) -> float:
    start, stop = peak + _BEFORE[0], peak + _AFTER[1]
    if start < 0 or stop > len(values) or any(p != peak and start - 4 <= p < stop + 4 for p in peaks):
        return float("nan")
    after, before = (values[peak + low : peak + high] for low, high in (_AFTER, _BEFORE))
    return float(torch.tensor(after).mean() - torch.tensor(before).mean())
