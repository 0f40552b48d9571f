"""Place blocks of sound at their times: fill holes, drop overlaps, and follow a clock that drifts."""

import logging
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from kp_io.media.timing.closed_gaps import MAX_JUMP_SECONDS, ClosedGaps
from kp_io.media.timing.stretch import REACH, stretch

logger = logging.getLogger(__name__)

#: Sound that is off by less is left as it is, bit for bit: timestamps are rounded.
_TOLERANCE_SECONDS = 0.01

#: A larger step from one block to the next is a hole or an overlap; a smaller one is drift.
_STEP_SECONDS = 0.02

#: Sound is stretched in pieces of this length; what is off is judged by the median over a piece or two.
_PIECE_SECONDS = 0.25

#: A piece is stretched or squeezed by no larger part.
_MAX_STRETCH = 0.125

#: Timestamps that go back further begin anew, as where files were joined; what is before them is no overlap.
_RESTART_SECONDS = 1.0

#: Length of the fades beside a hole.
_FADE_SECONDS = 0.005


class Block(NamedTuple):
    """Decoded mono samples, their rate, and the time of the first in seconds, if it is known."""

    samples: np.ndarray
    rate: int
    time: Fraction | None


class _Timed(NamedTuple):
    samples: np.ndarray
    late: float  # by how many samples the block should begin later than where the one before ends, all in all


def place_blocks(blocks: Iterator[Block], source: Path, *, start: Fraction | None) -> Iterator[tuple[np.ndarray, int]]:
    """Yield the sound without holes and its rate: it begins at `start` seconds, or with the first block.

    Sound is never off by more than about 20 ms. Holes become silence, overlaps are dropped, and a clock that drifts
    is followed by stretching the sound. Only a second of it is held.

    Raises:
        ValueError: A hole is longer than 600 s.
    """
    first = next(blocks, None)
    if first is None:
        return
    rate = first.rate
    early = 0
    if start is not None and first.time is not None:
        gaps = ClosedGaps(source)
        begin = gaps.close(first.time, jump=first.time - start) - gaps.close(start, jump=0)
        offset = round(begin * rate)
        early = max(0, -offset)
        if offset > 0:
            yield _silence(offset, rate, source), rate
    for samples in _Timeline(rate, source).place(first, blocks):
        yield samples[early:], rate
        early = max(0, early - len(samples))


def _silence(length: int, rate: int, source: Path) -> np.ndarray:
    if length > MAX_JUMP_SECONDS * rate:
        jump = f"a jump of {length / rate:.0f} s; remux the file to repair it"
        raise ValueError(f"expected audio without long gaps in {source}, got {jump}")
    return np.zeros(length, np.float32)


class _Timeline:
    def __init__(self, rate: int, source: Path) -> None:
        self._rate = rate
        self._source = source
        self._gaps = ClosedGaps(source)
        self._waiting: deque[_Timed] = deque()
        self._length = 0  # of the blocks that wait
        self._added = 0  # samples, by all corrections
        self._drifts = False
        self._tail = np.zeros(0, np.float32)  # of the input
        self._held: np.ndarray | None = None  # output that may still have to fade

    def place(self, first: Block, blocks: Iterator[Block]) -> Iterator[np.ndarray]:
        timed = self._measure(first, blocks)
        while True:
            while self._length < 3 * _PIECE_SECONDS * self._rate and (block := next(timed, None)) is not None:
                self._waiting.append(block)
                self._length += len(block.samples)
            if not self._waiting:
                break
            yield from self._correct_step()
            yield from self._hold(self._next_piece())
        yield from self._hold(None)

    def _measure(self, first: Block, blocks: Iterator[Block]) -> Iterator[_Timed]:
        """Yield each block with its lateness, in samples, against the samples before it."""
        origin: Fraction | None = None
        last: Fraction | None = None
        count, late, earlier = 0, 0.0, 0.0
        block: Block | None = first
        while block is not None:
            if block.time is not None:
                closed = self._gaps.close(block.time, jump=0 if last is None else block.time - last)
                origin = closed - Fraction(count, self._rate) if origin is None else origin
                now = float((closed - origin) * self._rate) - count
                # Back where it was before the last block, that one was wrong.
                if max(now - late, now - earlier) < -_RESTART_SECONDS * self._rate:
                    back = (late - now) / self._rate
                    logger.warning("timestamps of the sound of %s go back by %.2f s: it continues", self._source, back)
                    origin += Fraction(round(now - late), self._rate)
                    now = late
                earlier, late, last = late, now, block.time
            yield _Timed(block.samples, late)
            count += len(block.samples)
            block = next(blocks, None)

    def _is_step(self, index: int, before: float) -> bool:
        """Return whether the sound is off by a lasting step from a waiting block on."""
        limit = _STEP_SECONDS * self._rate
        step = self._waiting[index].late - before
        lasting = self._median(index) - before
        return abs(step) > limit and abs(lasting) > limit and (step > 0) == (lasting > 0)

    def _median(self, index: int, count: int | None = None) -> float:
        # Not NumPy's, which takes longer for a few numbers than decoding the sound they belong to.
        return median(block.late for block in islice(self._waiting, index, count))

    def _correct_step(self) -> Iterator[np.ndarray]:
        """Fill a hole or drop an overlap that is at the front."""
        first = self._waiting[0].late
        if abs(first - self._added) <= _STEP_SECONDS * self._rate or not self._is_step(0, self._added):
            return
        lasting = self._median(0)
        late = first if abs(first - lasting) <= _TOLERANCE_SECONDS * self._rate else lasting
        amount = round(late - self._added)
        self._added += amount
        if amount > 0:
            silence = _silence(amount, self._rate, self._source)
            if self._held is not None:
                self._held = self._fade(self._held, into=False)
            yield from self._hold(silence)
            self._waiting[0] = _Timed(self._fade(self._waiting[0].samples, into=True), first)
            self._tail = self._tail[:0]
        else:
            self._drop(-amount)

    def _drop(self, amount: int) -> None:
        """Leave out waiting samples, with a crossfade from those to what follows them."""
        joined = np.concatenate([block.samples for block in self._waiting])
        late = self._median(0)
        amount = min(amount, len(joined))
        kept = joined[amount:].copy()
        length = min(len(kept), amount, round(_FADE_SECONDS * self._rate))
        ramp = np.linspace(0, 1, length, dtype=np.float32)
        kept[:length] = ramp * kept[:length] + (1 - ramp) * joined[:length]
        self._waiting = deque([_Timed(kept, late)])
        self._length = len(kept)

    def _next_piece(self) -> np.ndarray:
        """Take a piece off the front, up to the next step, stretched if the sound drifts."""
        count, length = 0, 0
        while count < len(self._waiting) and length < _PIECE_SECONDS * self._rate:
            if count and self._is_step(count, self._waiting[count - 1].late):
                break
            length += len(self._waiting[count].samples)
            count += 1
        off = self._median(0, count) - self._added
        piece = np.concatenate([self._waiting.popleft().samples for _ in range(count)])
        self._length -= length
        self._drifts = self._drifts or abs(off) > _TOLERANCE_SECONDS * self._rate
        most = int(_MAX_STRETCH * length)
        amount = min(most, max(-most, round(off))) if self._drifts else 0
        after = self._waiting[0].samples if self._waiting else piece[:0]
        stretched = stretch(piece, length + amount, before=self._tail, after=after)
        self._added += amount
        self._tail = np.concatenate([self._tail, piece[-REACH:]])[-REACH:]
        return stretched

    def _hold(self, samples: np.ndarray | None) -> Iterator[np.ndarray]:
        """Keep samples back, and yield those that were."""
        if self._held is not None:
            yield self._held
        self._held = samples

    def _fade(self, samples: np.ndarray, *, into: bool) -> np.ndarray:
        length = min(len(samples), round(_FADE_SECONDS * self._rate))
        ramp = np.linspace(0, 1, length, dtype=np.float32)
        faded = samples.copy()
        if into:
            faded[:length] *= ramp
        else:
            faded[len(faded) - length :] *= ramp[::-1]
        return faded
