"""The state of a training on disk, without pickle."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn, optim

_KIND = "kp-render training"


def save_training(
    path: Path, networks: dict[str, nn.Module], optimizers: dict[str, optim.Optimizer], step: int
) -> None:
    """Write the weights of networks and the moments of Adam, under a temporary name first."""
    tensors: dict[str, Tensor] = {}
    for part, network in networks.items():
        tensors |= {f"{part}.{name}": value for name, value in network.state_dict().items()}
    for part, optimizer in optimizers.items():
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"moments of {part}.{index}.{name}": value for name, value in state.items()}
    whole = {name: value.detach().clone() for name, value in tensors.items()}
    _save(whole, path, {"kind": _KIND, "state": json.dumps({"step": step})})


def load_training(path: Path, networks: dict[str, nn.Module], optimizers: dict[str, optim.Optimizer]) -> int:
    """Bring back what `save_training` has written, and return the step.

    Raises:
        ValueError: The file is none of a training of this release.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"expected the state of a training of kp-render in {path}: {error}") from None
    if metadata.get("kind") != _KIND:
        raise ValueError(f"expected the state of a training of kp-render, got {path}")
    for part, network in networks.items():
        try:
            network.load_state_dict(_part(tensors, f"{part}."))
        except RuntimeError:
            raise ValueError(
                f"expected the networks of this release in {path}, got others; choose another folder"
            ) from None
    for part, optimizer in optimizers.items():
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _part(tensors, f"moments of {part}.").items():
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
