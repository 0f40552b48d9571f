"""Mean and standard deviation of channels, accumulated piece by piece."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor


class RunningMoments:
    """Mean and standard deviation of numbers that are added piece by piece and not kept, in double precision.

    Example:
        >>> moments = RunningMoments()
        >>> moments.add(torch.tensor([[1.0], [2.0]]))
        >>> moments.add(torch.tensor([[3.0]]))
        >>> moments.mean, moments.std
        (tensor([2.], dtype=torch.float64), tensor([1.], dtype=torch.float64))
    """

    def __init__(self) -> None:
        self._count = 0
        self.mean: Float64[Tensor, "*c"] = torch.zeros((), dtype=torch.float64)
        self._squares: Float64[Tensor, "*c"] = torch.zeros((), dtype=torch.float64)

    def add(self, values: Float[Tensor, "*n"]) -> None:
        """Add values `(N, …)` of each channel."""
        if not len(values):
            return
        values = values.cpu().double()
        mean, total = values.mean(dim=0), self._count + len(values)
        delta = mean - self.mean
        self._squares = (
            self._squares + (values - mean).square().sum(dim=0) + delta.square() * (self._count * len(values) / total)
        )
        self.mean = self.mean + delta * (len(values) / total)
        self._count = total

    @property
    def std(self) -> Float64[Tensor, "*c"]:
        """The standard deviation of each channel, divided by N - 1; NaN for fewer than two values."""
        return (self._squares / (self._count - 1 or torch.nan)).sqrt()
