"""The exponential moving average of a model's weights."""

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


class WeightAverage(AveragedModel):
    """The exponential moving average of a model's parameters, beside its latest buffers.

    It computes what torch's `AveragedModel` with an exponential average computes and has the same state, but never
    copies its counter to or from a GPU: that would make the CPU wait in every step.

    Args:
        model: The model, whose copy is the first average.
        decay: Weight of the average so far, from 0 to 1.
    """

    n_averaged: torch.Tensor

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__(model)
        self.n_averaged = self.n_averaged.cpu()
        self._decay = decay

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Add the weights of the model, which has the structure of the first one."""
        averages: list[torch.Tensor] = list(self.module.parameters())
        latest: list[torch.Tensor] = list(model.parameters())
        if int(self.n_averaged) == 0:
            torch._foreach_copy_(averages, latest)
        else:
            torch._foreach_lerp_(averages, latest, 1 - self._decay)
        for kept, buffer in zip(self.module.buffers(), model.buffers(), strict=True):
            kept.copy_(buffer)
        self.n_averaged += 1
