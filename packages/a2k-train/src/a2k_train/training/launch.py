"""The processes and the device of a training."""

import os

import torch
from lightning_fabric import Fabric


def launch(device: str = "cpu", *, precision: str = "32-true", devices: int = 1) -> Fabric:
    """Return what a training runs on, its processes started and connected.

    Under `torchrun` or `fabric run`, which start the processes themselves, their number is taken from them; otherwise
    `devices` above 1 starts the same command again for every further device.

    Args:
        device: `cpu`, `cuda`, `mps`, or one of several by its number, as `cuda:1`.
        precision: `32-true`, `bf16-mixed` or `64-true`.
        devices: Number of devices, one process each; CPU processes connect by gloo, GPU processes by NCCL.

    Raises:
        ValueError: There is no such device here.

    Example:
        >>> launch("cpu").world_size
        1
    """
    kind, _, index = device.partition(":")
    started = int(os.environ.get("LOCAL_WORLD_SIZE", "0"))
    local = started or devices
    nodes = int(os.environ["WORLD_SIZE"]) // started if started else 1
    _check(kind, index)
    chosen: int | list[int] = [int(index)] if index else local
    fabric = Fabric(
        accelerator=kind,
        devices=chosen,
        num_nodes=nodes,
        strategy="ddp" if local * nodes > 1 else "auto",
        precision=precision,  # type: ignore[arg-type]  # TrainConfig knows which there are
    )
    fabric.launch()
    return fabric


def _check(kind: str, index: str) -> None:
    """Raise where torch does not have the device, in our words."""
    have = {
        "cpu": not index,
        "cuda": torch.cuda.is_available()
        and (index or "0").isdecimal()
        and int(index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available() and not index,
    }
    if not have.get(kind, False):
        here = [name for name, there in have.items() if there] or ["cpu"]
        raise ValueError(
            f"expected a device that torch finds here ({', '.join(here)}), got {kind}{index and ':'}{index}"
        )
