"""The state of a training on disk, without pickle."""

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn, optim

_KIND = "kp-render training"


def save_training(path: Path, network: nn.Module, average: nn.Module, optimizer: optim.Optimizer, step: int) -> None:
    """Write weights, their average, and the moments of Adam, under a temporary name first."""
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
    whole = {name: value.detach().contiguous() for name, value in tensors.items()}
    _save(whole, path, {"kind": _KIND, "state": json.dumps({"step": step})})


def load_training(path: Path, network: nn.Module, average: nn.Module, optimizer: optim.Optimizer) -> int:
    """Bring back what `save_training` has written, and return the step.

    Raises:
        ValueError: The file is none of a training.
    """
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        if metadata.get("kind") != _KIND:
            raise ValueError(f"expected the state of a training of kp-render, got {path}")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    network.load_state_dict(_part(tensors, "network."))
    average.load_state_dict(_part(tensors, "average."))
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(tensors, "optimizer.").items():
        index, moment = name.split(".", 1)
        state.setdefault(int(index), {})[moment] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return int(json.loads(metadata["state"])["step"])


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def save_weights(path: Path, network: nn.Module, metadata: dict[str, str]) -> None:
    """Write the weights of a network in half precision, under a temporary name first."""
    state = network.state_dict().items()
    _save({name: value.detach().to("cpu", torch.float16).contiguous() for name, value in state}, path, metadata)


def _save(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    temporary = path.with_suffix(".partial")
    save_file(tensors, temporary, metadata=metadata)
    temporary.replace(path)
