"""Networks on their way to the device."""

import torch
from lightning_fabric import Fabric
from torch import nn

from a2k_train.config.train_config import TrainConfig


def prepare(fabric: Fabric, config: TrainConfig, *modules: nn.Module | None) -> None:
    """Move networks to the device, in place, in the type of numbers that the settings ask for.

    On several GPUs batch norm sees the batches of all processes, as one process would.
    """
    for module in modules:
        if module is None:
            continue
        if config.precision == "64-true":
            module.double()
        if fabric.world_size > 1 and fabric.device.type == "cuda":
            for name, child in module.named_children():
                setattr(module, name, nn.SyncBatchNorm.convert_sync_batchnorm(child))  # type: ignore[no-untyped-call]  # untyped in torch
        fabric.to_device(module)


def number_type(config: TrainConfig) -> torch.dtype:
    """Return the type of a batch's numbers."""
    return torch.float64 if config.precision == "64-true" else torch.float32
