"""Stretch a little sound by a few samples, without a click (NumPy)."""

from functools import cache

import numpy as np
from jaxtyping import Float

#: Samples on each side that an interpolated sample depends on.
REACH = 12

_PHASES = 512


def stretch(
    samples: Float[np.ndarray, " s"], length: int, *, before: Float[np.ndarray, " b"], after: Float[np.ndarray, " a"]
) -> Float[np.ndarray, " length"]:
    """Return samples `(S,)` resampled evenly to `length`, float32; the first stays where it is.

    Args:
        samples: The sound to stretch.
        length: Samples of the result.
        before: The sound that comes before; the last `REACH` samples are used, silence for missing ones.
        after: The sound that follows; likewise.

    Example:
        >>> ramp = np.arange(100, dtype=np.float32)
        >>> len(stretch(ramp, 101, before=ramp[:0], after=ramp[:0]))
        101
    """
    if length == len(samples):
        return samples
    head, tail = before[-REACH:], after[:REACH]
    padded = np.concatenate(
        [np.zeros(REACH - len(head)), head, samples, tail, np.zeros(REACH - len(tail))], dtype=np.float32
    )
    places = np.arange(length) * (len(samples) / max(1, length))
    whole = places.astype(np.int64)
    phase = ((places - whole) * _PHASES).round().astype(np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * REACH)
    stretched: np.ndarray = np.einsum("ij,ij->i", windows[whole + 1], _kernels()[phase])
    return stretched


@cache
def _kernels() -> Float[np.ndarray, "phases taps"]:
    """Return the windowed sinc for each fraction of a sample; the sample itself for 0."""
    offsets = np.arange(1 - REACH, REACH + 1)[None] - np.arange(_PHASES + 1)[:, None] / _PHASES
    window = np.i0(8 * np.sqrt(np.clip(1 - (offsets / REACH) ** 2, 0, None))) / np.i0(8)
    kernels = np.sinc(offsets) * window
    normalized: np.ndarray = kernels / kernels.sum(axis=1, keepdims=True)
    return normalized.astype(np.float32)
