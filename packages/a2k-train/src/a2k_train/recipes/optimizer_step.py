"""One network's share of a step: its gradient, averaged over processes, clipped, applied."""

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer


class Updater:
    """Applies losses to the parameters of one optimizer and to nothing else.

    Gradients are averaged over processes here and not by wrapping networks in DistributedDataParallel: three networks
    with three backward passes a step, each through parts of the others, is what its hooks cannot follow.

    Args:
        fabric: The processes.
        optimizer: Its parameters are what is updated.
        clip: Bound of the gradient's norm; 0 for none.
    """

    def __init__(self, fabric: Fabric, optimizer: Optimizer, *, clip: float) -> None:
        self._fabric, self.optimizer, self._clip = fabric, optimizer, clip
        self._parameters: list[nn.Parameter] = [p for group in optimizer.param_groups for p in group["params"]]

    def update(self, loss: Tensor) -> None:
        """Take a step down the gradient of a loss."""
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
        """Return the means over processes, exchanged as one long vector."""
        flat = self._fabric.all_reduce(torch.cat([g.reshape(-1) for g in gradients]), reduce_op="mean")
        parts = torch.split(torch.as_tensor(flat), [g.numel() for g in gradients])
        return tuple(part.view_as(g) for part, g in zip(parts, gradients, strict=True))
