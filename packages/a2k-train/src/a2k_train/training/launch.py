"""Launch of a training's processes on its devices."""

import os

import torch
from lightning_fabric import Fabric


def launch(device: str = "cpu", *, precision: str = "32-true", devices: int = 1) -> Fabric:
    """Return a Fabric with its processes started and connected.

    Under `torchrun` or `fabric run`, which start the processes themselves, their number is used; otherwise `devices`
    above 1 starts the same command again for every further device.

    Args:
        device: `cpu`, `cuda`, `mps`, or a numbered device such as `cuda:1`.
        precision: `32-true`, `bf16-mixed` or `64-true`.
        devices: Number of devices, one process each; CPU processes connect by gloo, GPU processes by NCCL.

    Raises:
        ValueError: The device is not available.

    Example:
        >>> launch("cpu").world_size
        1
    """
    kind, _, index = check_device(device)
    started = int(os.environ.get("LOCAL_WORLD_SIZE", "0"))
    local = started or devices
    nodes = int(os.environ["WORLD_SIZE"]) // started if started else 1
    chosen: int | list[int] = [int(index)] if index else local
    fabric = Fabric(
        accelerator=kind,
        devices=chosen,
        num_nodes=nodes,
        strategy="ddp" if local * nodes > 1 else "auto",
        precision=precision,  # type: ignore[arg-type]  # TrainConfig has checked it
    )
    fabric.launch()
    return fabric


def check_device(device: str) -> tuple[str, str, str]:
    """Return the kind of a device, a colon, and its number; raise `ValueError` if torch does not have the device."""
    kind, colon, index = device.partition(":")
    available = {
        "cpu": not index,
        "cuda": torch.cuda.is_available()
        and (index or "0").isdecimal()
        and int(index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available() and not index,
    }
    if not available.get(kind, False):
        found = [name for name, there in available.items() if there] or ["cpu"]
        raise ValueError(
            f"expected a device that torch finds here ({', '.join(found)}), got {kind}{index and ':'}{index}"
        )
    return kind, colon, index
