"""The optimizers, and the update of one network: gradient, average over processes, clipping, step."""

from collections.abc import Iterable

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer


def adam(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Adam:
    """Return Adam with the settings of the paper."""
    # Fused: all parameters in one pass over memory, on CPUs as well.
    return torch.optim.Adam(parameters, lr=learning_rate, fused=True)


def adamw(parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """Return AdamW with the betas that the residual preset was tuned with."""
    return torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=weight_decay, betas=(0.9, 0.98), fused=True)


class OptimizerStep:
    """Updates the parameters of one optimizer, and nothing else, by a loss.

    Gradients are averaged over processes here instead of by DistributedDataParallel, whose hooks do not support three
    networks with three backward passes per step, each through parts of the others.
    `clip` is the maximum norm of the gradient; 0 for no clipping.
    """

    def __init__(self, fabric: Fabric, optimizer: Optimizer, *, clip: float) -> None:
        self._fabric, self.optimizer, self._clip = fabric, optimizer, clip
        self._parameters: list[nn.Parameter] = [p for group in optimizer.param_groups for p in group["params"]]

    def update(self, loss: Tensor) -> None:
        """Take one step down the gradient of a loss."""
        gradients = torch.autograd.grad(loss, self._parameters)
        if self._fabric.world_size > 1:
            gradients = self._average(gradients)
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter.grad = gradient
        if self._clip > 0:
            torch.nn.utils.clip_grad_norm_(self._parameters, self._clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def _average(self, gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the means over processes, exchanged as one flat vector."""
        flat = self._fabric.all_reduce(torch.cat([g.reshape(-1) for g in gradients]), reduce_op="mean")
        parts = torch.split(torch.as_tensor(flat), [g.numel() for g in gradients])
        return tuple(part.view_as(g) for part, g in zip(parts, gradients, strict=True))
