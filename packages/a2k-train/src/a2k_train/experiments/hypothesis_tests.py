"""Paired comparisons of table rows: each is met, failed or open."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

from a2k_train.evaluation.clip_score import ClipScore
from a2k_train.evaluation.paired_bootstrap import paired_difference
from a2k_train.evaluation.velocity_spectra import Spectra, spectral_distance

#: Smaller differences between spectral distances are not significant, dB.
_MIN_GAIN_DB = 1.0


@dataclass(frozen=True, slots=True)
class TestResult:
    """The result of one comparison.

    Attributes:
        text: The comparison in words, with its numbers.
        value: Mean over clips of the margin, which is positive if the comparison is met.
        low: Lower end of its 95 % interval, resampling speakers; NaN without one.
        high: Upper end.
        met: True if the interval is above 0, False if below, None if it includes 0.
    """

    text: str
    value: float
    low: float
    high: float
    met: bool | None


class PairedTests:
    """Comparisons of rows on the same clips.

    A comparison is met if the 95 % interval of its mean margin over clips, resampling speakers, is above 0, fails if it
    is below, and is open if it includes 0.

    Args:
        scores: Scores of clips.
        spectra: Velocity spectra of the same clips; without them, comparisons of spectra are open.

    Example:
        >>> scores = [
        ...     ClipScore(row, 0, str(clip), f"speaker {clip}", r, 1.0, 1.0, 1.0, 1.0, 1.0)
        ...     for clip in range(3)
        ...     for row, r in (("ours", 0.5 + clip / 10), ("theirs", 0.25))
        ... ]
        >>> tests = PairedTests(scores, None)
        >>> tests.more("mouth_correlation", "ours", "theirs").met, tests.below("mouth_correlation", "ours", 0.6).met
        (True, None)
    """

    def __init__(self, scores: Sequence[ClipScore], spectra: Spectra | None) -> None:
        self.scores, self.spectra = scores, spectra

    def less(self, metric: str, first: str, second: str, *, factor: float = 1.0) -> TestResult:
        """Test whether the metric of `first` is less than `factor` times that of `second`."""
        return self._compare(metric, first, second, factor, sign=-1)

    def more(self, metric: str, first: str, second: str, *, factor: float = 1.0) -> TestResult:
        """Test whether the metric of `first` is more than `factor` times that of `second`."""
        return self._compare(metric, first, second, factor, sign=1)

    def below(self, metric: str, row: str, bound: float) -> TestResult:
        """Test whether the mean of a row is below a bound."""
        found = paired_difference(self.scores, row, None, metric)
        text = f"`{metric}` of {row} below {bound:g}: it is {_short(found.value)}"
        return _interval_test(text, bound - found.value, bound - found.high, bound - found.low)

    def above(self, metric: str, row: str, bound: float) -> TestResult:
        """Test whether the mean of a row is above a bound."""
        found = paired_difference(self.scores, row, None, metric)
        text = f"`{metric}` of {row} above {bound:g}: it is {_short(found.value)}"
        return _interval_test(text, found.value - bound, found.low - bound, found.high - bound)

    def closer_spectrum(self, part: str, first: str, second: str) -> TestResult:
        """Test whether the velocity spectrum of `first` is closer to the ground truth, by at least 1 dB."""
        text = f"velocity spectrum of {part} nearer to the real one in {first} than in {second}, by {_MIN_GAIN_DB:g} dB"
        if self.spectra is None:
            return TestResult(f"{text}: no clip is long enough", nan, nan, nan, None)
        ours, theirs = (spectral_distance(self.spectra, row, part) for row in (first, second))
        gain = theirs - ours
        met = None if abs(gain) < _MIN_GAIN_DB else gain > 0
        return TestResult(f"{text}: {ours:.1f} against {theirs:.1f} dB", gain, nan, nan, met)

    def _compare(self, metric: str, first: str, second: str, factor: float, *, sign: int) -> TestResult:
        ours, theirs = (paired_difference(self.scores, row, None, metric).value for row in (first, second))
        found = paired_difference(self.scores, first, second, metric, factor=factor)
        times = "" if factor == 1 else f"{factor:g} × "
        text = (
            f"`{metric}` {'above' if sign > 0 else 'below'} in {first}, against {times}{second}: "
            f"{_short(ours)} against {times}{_short(theirs)}"
        )
        low, high = (found.low, found.high) if sign > 0 else (-found.high, -found.low)
        return _interval_test(text, sign * found.value, low, high)


def _interval_test(text: str, value: float, low: float, high: float) -> TestResult:
    met = True if low > 0 else False if high < 0 else None
    return TestResult(text, value, low, high, met)


def _short(value: float) -> str:
    """Return three digits, or 0 for differences that come from rounding of pixels."""
    return "0" if abs(value) < 1e-4 else f"{value:.3g}"
