"""Control of batch norm's running statistics during training."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def _norms(modules: tuple[nn.Module | None, ...]) -> list[_BatchNorm]:
    parts = (part for module in modules if module is not None for part in module.modules())
    return [part for part in parts if isinstance(part, _BatchNorm)]


@contextmanager
def frozen_batch_norm_stats(*modules: nn.Module | None) -> Iterator[None]:
    """Keep running statistics unchanged while batch norm normalizes by the batch, as in training.

    Gradients need no such care: every update computes those of its own parameters only.
    """
    norms = _norms(modules)
    before = [norm.track_running_stats for norm in norms]
    try:
        for norm in norms:
            norm.track_running_stats = norm.track_running_stats and not norm.training
        yield
    finally:
        for norm, tracks in zip(norms, before, strict=True):
            norm.track_running_stats = tracks


def freeze_batch_norm(*modules: nn.Module | None) -> None:
    """Make batch norm use its running statistics, unchanged, while the rest of a module is in training mode."""
    for norm in _norms(modules):
        norm.eval()
