"""The inverse of a displacement, by iteration."""

from collections.abc import Callable

from torch import Tensor

# How far each iteration goes: a damped one also converges where skin is stretched to the double.
_STEP = 0.75


def fixed_point(function: Callable[[Tensor], Tensor], start: Tensor, *, iterations: int) -> Tensor:
    """Return x with x = function(x), by damped iteration from a first guess.

    Example:
        >>> import torch
        >>> fixed_point(torch.cos, torch.tensor(1.0), iterations=20)
        tensor(0.7391)
    """
    x = start
    for _ in range(iterations):
        x = x + _STEP * (function(x) - x)
    return x
