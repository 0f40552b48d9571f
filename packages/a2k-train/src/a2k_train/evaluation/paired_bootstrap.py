"""Paired differences between rows on the same clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from statistics import fmean

import torch

from a2k_train.evaluation.clip_score import ClipScore
from kp_metrics import bootstrap_interval


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean over clips with its 95 % interval, resampling speakers; the interval is NaN for one speaker."""

    value: float
    low: float
    high: float
    clips: int


def paired_difference(
    scores: Sequence[ClipScore], first: str, second: str | None, metric: str, *, factor: float = 1.0
) -> Difference:
    """Return the mean over clips of a metric in the first row minus `factor` times that in the second.

    Clips differ more from each other than rows on one clip; pairing removes that difference from the interval.

    Args:
        scores: Scores of clips.
        first: Name of a row.
        second: Name of another row; None for 0, which gives the mean and interval of the first row.
        metric: Name in `ClipScore`.
        factor: Factor of the second row.

    Example:
        >>> scores = [
        ...     ClipScore(row, 0, str(clip), f"speaker {clip}", r, 1.0, 1.0, 1.0, 1.0, 1.0)
        ...     for clip in range(3)
        ...     for row, r in (("ours", 0.5 + clip / 10), ("theirs", 0.25 + clip / 10))
        ... ]
        >>> round(paired_difference(scores, "ours", "theirs", "mouth_correlation").low, 6)
        0.25
    """
    minuend, subtrahend = _by_clip(scores, first, metric), _by_clip(scores, second, metric)
    speakers = {(score.fold, score.clip): score.speaker for score in scores}
    keys = [key for key in minuend if second is None or key in subtrahend]
    differences = {key: minuend[key] - (factor * subtrahend[key] if second is not None else 0.0) for key in keys}
    defined = {key: value for key, value in differences.items() if value == value}
    if not defined:
        return Difference(nan, nan, nan, 0)
    groups = [speakers[key] for key in defined]
    values = torch.tensor(list(defined.values()), dtype=torch.float64)
    low, high = bootstrap_interval(values, groups=groups) if len(set(groups)) > 1 else (nan, nan)
    return Difference(float(values.mean()), low, high, len(defined))


def _by_clip(scores: Sequence[ClipScore], row: str | None, metric: str) -> dict[tuple[int, str], float]:
    """Return the value of a row by clip, averaged over several scores of a clip, as of shuffled audio."""
    values: dict[tuple[int, str], list[float]] = {}
    for score in scores:
        if score.row == row:
            values.setdefault((score.fold, score.clip), []).append(getattr(score, metric))
    return {key: fmean(series) for key, series in values.items()}
