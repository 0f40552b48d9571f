"""Fits of cost over size: the log-log slope, and a line of fixed and proportional cost."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Line", "Slope", "fit_line", "fit_slope"]


@dataclass(frozen=True)
class Slope:
    """Exponent of the growth: 1 is proportional.

    Attributes:
        slope: d log seconds / d log size.
        error: Its standard error; 0 where there are only two points.
        start: Smallest size that was fitted.
    """

    slope: float
    error: float
    start: float


@dataclass(frozen=True)
class Line:
    """Seconds = fixed + per_unit × size.

    Attributes:
        fixed: Cost of a run at any size, seconds.
        per_unit: Cost of each unit, seconds.
    """

    fixed: float
    per_unit: float


def fit_slope(sizes: Sequence[float], seconds: Sequence[float], *, largest: int = 4) -> Slope:
    """Fit the slope over the `largest` sizes, by least squares of the logarithms.

    Raises:
        ValueError: There are fewer than two sizes, or numbers that have no logarithm.

    Example:
        >>> fit_slope([1, 10, 100, 1000], [5, 5, 10, 100], largest=2)
        Slope(slope=1.0, error=0.0, start=100)
    """
    _check(sizes, seconds)
    order = np.argsort(sizes)[-largest:]
    x, y = np.log(np.asarray(sizes, float)[order]), np.log(np.asarray(seconds, float)[order])
    centred = x - x.mean()
    slope = float(centred @ (y - y.mean()) / (centred @ centred))
    rest = y - y.mean() - slope * centred
    error = float(np.sqrt(rest @ rest / (len(x) - 2) / (centred @ centred))) if len(x) > 2 else 0.0
    return Slope(round(slope, 4), round(error, 4), sizes[int(order[0])])


def fit_line(sizes: Sequence[float], seconds: Sequence[float]) -> Line:
    """Fit a fixed and a proportional cost, both non-negative, by least squares of relative errors.

    Raises:
        ValueError: As `fit_slope`.

    Example:
        >>> line = fit_line([1, 10, 100], [2.5, 7.0, 52.0])
        >>> round(line.fixed, 6), round(line.per_unit, 6)
        (2.0, 0.5)
    """
    _check(sizes, seconds)
    x, y = np.asarray(sizes, float), np.asarray(seconds, float)
    columns = np.stack((1 / y, x / y), axis=1)
    fixed, per_unit = np.linalg.lstsq(columns, np.ones_like(y), rcond=None)[0]
    if fixed < 0:
        ratio = columns[:, 1]
        fixed, per_unit = 0.0, ratio.sum() / (ratio @ ratio)
    elif per_unit < 0:
        ratio = columns[:, 0]
        fixed, per_unit = ratio.sum() / (ratio @ ratio), 0.0
    return Line(float(fixed), float(per_unit))


def _check(sizes: Sequence[float], seconds: Sequence[float]) -> None:
    if len(sizes) != len(seconds) or len(set(sizes)) < 2 or min(*sizes, *seconds) <= 0:
        raise ValueError(f"expected at least two sizes with their seconds, all above 0, got {sizes} and {seconds}")
