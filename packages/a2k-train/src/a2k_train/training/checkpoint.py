"""The resumable state of a run: one safetensors file, written atomically."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from a2k_nets.checkpoints import load_state_strict, read_tensors, write_tensors
from a2k_nets.config import RENAMED_TENSORS, rename_settings
from a2k_train.config.toml_file import config_from_toml, config_to_toml

_FORMAT = "a2k-train-state-1"


def save_state(
    path: Path,
    *,
    step: int,
    identity: dict[str, str],
    modules: dict[str, nn.Module],
    optimizers: dict[str, Optimizer],
) -> None:
    """Write the state of modules and optimizers after a number of steps.

    `identity` holds properties of the run, such as settings and clips; `load_state` refuses to resume with other ones.
    """
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        tensors |= {f"{name}/{key}": value for key, value in module.state_dict().items()}
    for name, optimizer in optimizers.items():
        for index, entry in optimizer.state_dict()["state"].items():
            tensors |= {f"{name}/{index}/{key}": torch.as_tensor(value) for key, value in entry.items()}
    write_tensors(path, tensors, {"format": _FORMAT, "step": str(step), **identity})


def read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and metadata of a state; tensors from version 0.1.0 get their current names.

    Raises:
        ValueError: The file is damaged.
    """
    tensors, metadata = read_tensors(path)
    prefixes = ("model/", "average/module.")
    names = {prefix + old: prefix + new for prefix in prefixes for old, new in RENAMED_TENSORS.items()}
    return rename_settings(tensors, names), metadata


def load_state(
    path: Path, *, identity: dict[str, str], modules: dict[str, nn.Module], optimizers: dict[str, Optimizer]
) -> int:
    """Load a state into modules and optimizers; return the steps done.

    Raises:
        ValueError: The file is damaged, not a training state, or belongs to another run.
    """
    tensors, metadata = read_state(path)
    if metadata.get("format") != _FORMAT:
        raise ValueError(f"expected a training state ({_FORMAT}), got {path} ({metadata.get('format', 'unknown')})")
    for name, ours in identity.items():
        saved = metadata.get(name, "")
        if saved != ours and _with_current_names(saved) != ours:
            raise ValueError(f"expected the {name} that {path} was made with; choose another run folder for other ones")
    try:
        for name, module in modules.items():
            load_state_strict(module, _with_prefix(tensors, name))
        for name, optimizer in optimizers.items():
            state: dict[int, dict[str, Any]] = {}
            for key, value in _with_prefix(tensors, name).items():
                index, _, entry = key.partition("/")
                state.setdefault(int(index), {})[entry] = value
            _check_fits(name, state, optimizer)
            optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
        return int(metadata["step"])
    except (KeyError, ValueError) as error:
        raise ValueError(f"expected a whole training state, got the damaged file {path}: {error}") from error


def _with_current_names(settings: str) -> str:
    """Return settings as this version writes them: an older version may have used other names."""
    try:
        return config_to_toml(config_from_toml(settings))
    except ValueError:
        return settings


def _check_fits(name: str, state: dict[int, dict[str, Any]], optimizer: Optimizer) -> None:
    """Raise if an optimizer's state does not fit its parameters: torch accepts any, and fails a step later."""
    shapes = [parameter.shape for group in optimizer.param_groups for parameter in group["params"]]
    if set(state) != set(range(len(shapes))):
        raise ValueError(f"expected {len(shapes)} parameters in {name}, got {len(state)}")
    for index, entries in state.items():
        for entry, value in entries.items():
            if value.shape not in (torch.Size(), shapes[index]):
                raise ValueError(
                    f"expected {name}/{index}/{entry} of shape {tuple(shapes[index])}, got {tuple(value.shape)}"
                )


def _with_prefix(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    prefix = f"{name}/"
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
