"""Using a network in a loss without leaving a trace in it."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def frozen_batch_norm_stats(*modules: nn.Module | None) -> Iterator[None]:
    """Let batch norm normalise by the batch as in training, but keep its running statistics as they are.

    Gradients need no such care: every update asks for those of its own parameters only.
    """
    norms = [m for module in modules if module is not None for m in module.modules() if isinstance(m, _BatchNorm)]
    before = [norm.track_running_stats for norm in norms]
    try:
        for norm in norms:
            norm.track_running_stats = norm.track_running_stats and not norm.training
        yield
    finally:
        for norm, tracks in zip(norms, before, strict=True):
            norm.track_running_stats = tracks


def freeze_norm(*modules: nn.Module | None) -> None:
    """Let batch norm use its running statistics, and keep them, though the rest of a module is in training."""
    for module in modules:
        for part in () if module is None else module.modules():
            if isinstance(part, _BatchNorm):
                part.eval()
