"""PCK in NumPy without a library, as the alternative to kp-metrics."""

import numpy as np

__all__ = ["numpy_pck"]


def numpy_pck(preds: np.ndarray, target: np.ndarray, *, alpha: float) -> float:
    """Return the share of points within alpha × their sequence's box, vectorised over one sequence at a time.

    Args:
        preds: `(N, T, K, 2)`.
        target: The same.
        alpha: Radius, in longer sides of the box.
    """
    hits = 0
    for pred, truth in zip(preds, target, strict=True):
        points = truth.reshape(-1, 2)
        radius = alpha * (points.max(0) - points.min(0)).max()
        hits += int((np.linalg.norm(pred - truth, axis=-1) <= radius).sum())
    return hits / preds[..., 0].size
