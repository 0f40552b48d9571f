"""Optimizers as fast as the device allows."""

from collections.abc import Iterable

import torch
from torch import nn


def adam(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Adam:
    """Return Adam as the paper uses it."""
    # Fused: all parameters in one pass over memory, on CPUs as well.
    return torch.optim.Adam(parameters, lr=learning_rate, fused=True)


def adamw(parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """Return AdamW with the betas that the residual preset was tuned with."""
    return torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=weight_decay, betas=(0.9, 0.98), fused=True)
