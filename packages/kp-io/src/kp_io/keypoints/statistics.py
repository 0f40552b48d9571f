"""Mean and standard deviation of a corpus' keypoints, in one pass."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor


@dataclass
class KeypointStatistics:
    """Mean and standard deviation of every coordinate over all frames, relative to the keypoint `base_point`.

    The paper normalises by them (section 4.5). Sequences are added one at a time and not kept. Means and squared
    deviations are accumulated in double precision, which avoids the cancellation of sums of squares.

    Example:
        >>> statistics = KeypointStatistics(base_point=0)
        >>> statistics.add(torch.tensor([[[1.0, 1.0], [2.0, 5.0]], [[0.0, 0.0], [3.0, 4.0]]]))
        >>> statistics.mean[1], statistics.std[1]
        (tensor([2., 4.], dtype=torch.float64), tensor([1., 0.], dtype=torch.float64))
    """

    base_point: int
    num_sequences: int = 0
    num_frames: int = 0

    def __post_init__(self) -> None:
        self._mean: Float64[np.ndarray, "k d"] | None = None
        self._squares: Float64[np.ndarray, "k d"] | None = None

    def add(self, keypoints: Float[Tensor, "t k d"]) -> None:
        """Add one sequence."""
        # In NumPy, because its summation order does not depend on the number of threads.
        points = keypoints.numpy().astype(np.float64)
        points = points - points[:, self.base_point, None]
        mean = points.mean(axis=0)
        squares = np.square(points - mean).sum(axis=0)
        if self._mean is None or self._squares is None:
            self._mean, self._squares = mean, squares
        else:
            total = self.num_frames + len(points)
            delta = mean - self._mean
            self._mean = self._mean + delta * (len(points) / total)
            self._squares = self._squares + squares + np.square(delta) * (self.num_frames * len(points) / total)
        self.num_frames += len(points)
        self.num_sequences += 1

    @property
    def mean(self) -> Float64[Tensor, "k d"]:
        """Mean of every coordinate, pixels; 0 at the base point."""
        return torch.from_numpy(self._accumulated(self._mean))

    @property
    def std(self) -> Float64[Tensor, "k d"]:
        """Standard deviation over frames (divided by N, not N - 1), pixels; 0 at the base point."""
        return torch.from_numpy(np.sqrt(self._accumulated(self._squares) / self.num_frames))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-serializable values."""
        return asdict(self) | {"mean": self.mean.tolist(), "std": self.std.tolist()}

    @staticmethod
    def _accumulated(value: np.ndarray | None) -> np.ndarray:
        if value is None:
            raise ValueError("expected at least one sequence, got none")
        return value
