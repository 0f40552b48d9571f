"""Constant tensors and selections of points, made once per device.

A tensor built from a Python list in every call makes the CPU wait for the GPU in every call.
"""

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor


def constant(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return a 1-D tensor of the values, the same object for the same arguments; do not change it.

    Example:
        >>> constant((1, 2), torch.int64, torch.device("cpu"))
        tensor([1, 2])
    """
    if torch.compiler.is_compiling():  # an exported or compiled graph holds its own constants
        return torch.tensor(values, dtype=dtype, device=device)
    return _cached(values, dtype, device)


@lru_cache(maxsize=256)
def _cached(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # a training may use the tensor afterwards
        if device.type != "cuda":
            return torch.tensor(values, dtype=dtype, device=device)
        return torch.tensor(values, dtype=dtype).pin_memory().to(device, non_blocking=True)


def select_points(points: Float[Tensor, "... k d"], indices: tuple[int, ...]) -> Float[Tensor, "... p d"]:
    """Return some of the points, in the order of the indices.

    Example:
        >>> select_points(torch.arange(6.0).reshape(3, 2), (2, 0))
        tensor([[4., 5.],
                [0., 1.]])
    """
    return points.index_select(-2, constant(tuple(indices), torch.int64, points.device))
