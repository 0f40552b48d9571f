"""The interface between a preset and the training loop, and what all presets share."""

from abc import ABC, abstractmethod

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from a2k_nets import AnyModel
from a2k_nets.paper import MotionDiscriminator
from a2k_train.config.train_config import LossWeights, PaperLossWeights, TrainConfig
from a2k_train.data.window_sampler import Batch

#: Distance of the random states of two seeds, in steps.
SEED_STRIDE = 1_000_003


class Recipe(ABC):
    """Networks, optimizers and one training step of a preset; the loop knows nothing of losses and GANs.

    `model` is what is published; its statistics are already fitted.
    """

    model: AnyModel
    weights: LossWeights | PaperLossWeights

    def __init__(
        self, config: TrainConfig, model: AnyModel, discriminator: MotionDiscriminator | None, fabric: Fabric
    ) -> None:
        self.config, self.weights, self._fabric = config, config.losses, fabric
        self.model, self.discriminator = model, discriminator
        to_device(fabric, config, *self.modules.values())

    @property
    def modules(self) -> dict[str, nn.Module]:
        """All networks by their names in the run's state."""
        return {"model": self.model} | ({} if self.discriminator is None else {"discriminator": self.discriminator})

    @property
    @abstractmethod
    def optimizers(self) -> dict[str, Optimizer]:
        """All optimizers by their names in the run's state."""

    @property
    def scheduled(self) -> list[Optimizer]:
        """Optimizers with the learning rate and schedule of the settings."""
        return list(self.optimizers.values())

    @abstractmethod
    def step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Update all networks; return the losses, unweighted and detached, by the names of their weights."""

    def _weighted_sum(self, losses: dict[str, Tensor]) -> Tensor:
        return torch.stack([getattr(self.weights, name) * loss for name, loss in losses.items()]).sum()

    def _average(self, counts: Tensor) -> Tensor:
        """Return the means of counts over processes, so that losses are means over the frames of all processes."""
        if self._fabric.world_size == 1:
            return counts
        return torch.as_tensor(self._fabric.all_reduce(counts.float(), reduce_op="mean"))

    def _generator(self, batch: Batch, step: int) -> torch.Generator:
        """Return the generator of a step's augmentation on this rank."""
        seed = (self.config.seed + 1) * SEED_STRIDE + self._rank_step(step)
        return torch.Generator(batch.waveform.device).manual_seed(seed)

    def _rank_step(self, step: int) -> int:
        """Return a number that is unique to this step and rank."""
        return step * self._fabric.world_size + self._fabric.global_rank


def to_device(fabric: Fabric, config: TrainConfig, *modules: nn.Module) -> None:
    """Move networks to the device, in place, and convert them to the precision of the settings.

    On several GPUs batch norm is synchronized, so that its statistics are those of one process with the whole batch.
    """
    for module in modules:
        if config.precision == "64-true":
            module.double()
        if fabric.world_size > 1 and fabric.device.type == "cuda":
            for name, child in module.named_children():
                setattr(module, name, nn.SyncBatchNorm.convert_sync_batchnorm(child))  # type: ignore[no-untyped-call]  # untyped in torch
        fabric.to_device(module)
