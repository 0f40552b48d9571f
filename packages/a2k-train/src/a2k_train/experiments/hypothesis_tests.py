"""Comparisons of rows that come out as met, failed or open, by one stated rule."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

from a2k_train.evaluation.clip_score import ClipScore
from a2k_train.evaluation.paired_bootstrap import paired_difference
from a2k_train.evaluation.velocity_spectra import Spectra, spectral_distance

#: Spectra whose distances to the real one differ by less are called alike, dB.
_ALIKE_DB = 1.0


@dataclass(frozen=True, slots=True)
class Condition:
    """One number that has to lie on one side of 0.

    Attributes:
        text: What is asked, with its rule.
        value: Mean over clips of what has to be above 0.
        low: Lower end of its 95 % interval, resampling speakers; NaN where there is none.
        high: Upper end.
        met: True above 0, False below, None where that cannot be told.
    """

    text: str
    value: float
    low: float
    high: float
    met: bool | None


class Judge:
    """Makes conditions out of scores.

    A comparison is met if the 95 % interval of its mean over clips, resampling speakers, lies on the asked side of 0,
    fails if it lies on the other, and is open if it includes 0.

    Args:
        scores: Scores of clips.
        spectra: Velocity spectra of the same; without them their conditions are open.

    Example:
        >>> scores = [
        ...     ClipScore(row, 0, str(clip), f"speaker {clip}", r, 1.0, 1.0, 1.0, 1.0, 1.0)
        ...     for clip in range(3)
        ...     for row, r in (("ours", 0.5 + clip / 10), ("theirs", 0.25))
        ... ]
        >>> judge = Judge(scores, None)
        >>> judge.more("mouth_correlation", "ours", "theirs").met, judge.below("mouth_correlation", "ours", 0.6).met
        (True, None)
    """

    def __init__(self, scores: Sequence[ClipScore], spectra: Spectra | None) -> None:
        self.scores, self.spectra = scores, spectra

    def less(self, metric: str, first: str, second: str, *, factor: float = 1.0) -> Condition:
        """`first` has less of the metric than `factor` times `second`, clip by clip."""
        return self._compare(metric, first, second, factor, sign=-1)

    def more(self, metric: str, first: str, second: str, *, factor: float = 1.0) -> Condition:
        """`first` has more of the metric than `factor` times `second`, clip by clip."""
        return self._compare(metric, first, second, factor, sign=1)

    def below(self, metric: str, row: str, bound: float) -> Condition:
        """The mean of a row lies below a bound."""
        found = paired_difference(self.scores, row, None, metric)
        text = f"`{metric}` of {row} below {bound:g}: it is {_short(found.value)}"
        return _condition(text, bound - found.value, bound - found.high, bound - found.low)

    def above(self, metric: str, row: str, bound: float) -> Condition:
        """The mean of a row lies above a bound."""
        found = paired_difference(self.scores, row, None, metric)
        text = f"`{metric}` of {row} above {bound:g}: it is {_short(found.value)}"
        return _condition(text, found.value - bound, found.low - bound, found.high - bound)

    def nearer(self, part: str, first: str, second: str) -> Condition:
        """The velocity spectrum of `first` is nearer to the real one, by 1 dB at least."""
        text = f"velocity spectrum of {part} nearer to the real one in {first} than in {second}, by {_ALIKE_DB:g} dB"
        if self.spectra is None:
            return Condition(f"{text}: no clip is long enough", nan, nan, nan, None)
        ours, theirs = (spectral_distance(self.spectra, row, part) for row in (first, second))
        gain = theirs - ours
        met = None if abs(gain) < _ALIKE_DB else gain > 0
        return Condition(f"{text}: {ours:.1f} against {theirs:.1f} dB", gain, nan, nan, met)

    def _compare(self, metric: str, first: str, second: str, factor: float, *, sign: int) -> Condition:
        ours, theirs = (paired_difference(self.scores, row, None, metric).value for row in (first, second))
        found = paired_difference(self.scores, first, second, metric, factor=factor)
        times = "" if factor == 1 else f"{factor:g} × "
        text = (
            f"`{metric}` {'above' if sign > 0 else 'below'} in {first}, against {times}{second}: "
            f"{_short(ours)} against {times}{_short(theirs)}"
        )
        low, high = (found.low, found.high) if sign > 0 else (-found.high, -found.low)
        return _condition(text, sign * found.value, low, high)


def _condition(text: str, value: float, low: float, high: float) -> Condition:
    met = True if low > 0 else False if high < 0 else None
    return Condition(text, value, low, high, met)


def _short(value: float) -> str:
    """Return three digits; what rounding of pixels leaves is 0."""
    return "0" if abs(value) < 1e-4 else f"{value:.3g}"
