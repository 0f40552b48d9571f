"""Timing of work on devices that run asynchronously."""

import time
from collections.abc import Callable
from typing import TypeVar

import torch

__all__ = ["seconds_of", "synchronize", "waiting"]

Result = TypeVar("Result")


def synchronize(device: torch.device) -> None:
    """Wait until the device is idle; a CPU always is."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def waiting(function: Callable[[], Result], device: torch.device) -> Callable[[], Result]:
    """Return a function that does the same and returns when the device is done."""

    def done() -> Result:
        result = function()
        synchronize(device)
        return result

    return done


def seconds_of(function: Callable[[], object], device: torch.device) -> float:
    """Return the duration of a call, from idle device to idle device."""
    synchronize(device)
    start = time.perf_counter()
    waiting(function, device)()
    return time.perf_counter() - start
