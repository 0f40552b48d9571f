"""One safetensors file holds weights, config and licence; nothing is ever unpickled."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from a2k_nets.checkpoints.atomic import write_bytes
from a2k_nets.checkpoints.resolve import find_weights
from a2k_nets.config.presets import AnyConfig, config_from_dict, config_to_json, preset_of

_Model = TypeVar("_Model", bound=nn.Module)

#: Version of the layout of checkpoint files; another one is refused.
FORMAT_VERSION = "2"

#: Of the weights that training writes; their sources allow no more.
LICENCE = "CC-BY-NC-4.0 (research); see the model card"


def save_checkpoint(path: Path | str, state: dict[str, Tensor], config: AnyConfig, *, licence: str = LICENCE) -> None:
    """Write weights, config and licence; the file appears whole or not at all."""
    metadata = {
        "format_version": FORMAT_VERSION,
        "preset": preset_of(config),
        "config": config_to_json(config),
        "licence": licence,
    }
    write_tensors(Path(path), state, metadata)


def load_checkpoint(source: Path | str | None = None, **where: Any) -> tuple[dict[str, Tensor], AnyConfig]:
    """Return weights and config of a checkpoint, by default the embedded one.

    Args:
        source: A `.safetensors` file, a folder with `model.safetensors`, or an id `owner/name` of the Hub.
        where: Options of `a2k_nets.checkpoints.resolve.find_weights`: `revision`, `sha256` …

    Raises:
        ValueError: The file is damaged, has another digest, is of another version, or is no safetensors file.
        FileNotFoundError: There is no such file.
    """
    path = find_weights(source, **where)
    state, metadata = read_tensors(path)
    if metadata.get("format_version") != FORMAT_VERSION or "config" not in metadata:
        raise ValueError(
            f"expected a checkpoint of format version {FORMAT_VERSION} with its config, got {path} of version "
            f"{metadata.get('format_version', 'unknown')}; use the a2k-nets release that wrote it"
        )
    try:
        # The first checkpoints, all of them residual, do not name their preset.
        return state, config_from_dict(json.loads(metadata["config"]), preset=metadata.get("preset", "residual"))
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"expected a valid config in {path}, got {metadata['config'][:80]}: {error}") from error


def build(make: Callable[[], _Model]) -> _Model:
    """Return what `make` makes of a checkpoint's config: within its ranges, numbers may be larger than any memory.

    Raises:
        ValueError: No such network can be built.
    """
    try:
        return make()
    except (TypeError, OverflowError, RuntimeError, MemoryError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise ValueError(f"expected the config of a network that can be built in the checkpoint: {reason}") from error


def put_state(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Put a checkpoint's tensors into a model.

    Raises:
        ValueError: Tensors are missing, unknown or of another shape; the message names them.
    """
    ours = model.state_dict()
    expected, found = set(ours), set(state)
    if expected != found:
        raise ValueError(
            f"expected the tensors of this model in the checkpoint, got {len(found)} tensors; missing: "
            f"{sorted(expected - found)[:3]}, unknown: {sorted(found - expected)[:3]}"
        )
    for name, tensor in ours.items():
        if state[name].shape != tensor.shape:
            raise ValueError(
                f"expected {name} of shape {tuple(tensor.shape)} in the checkpoint, got {tuple(state[name].shape)}"
            )
    model.load_state_dict(state)


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write named tensors and texts as one safetensors file, which appears whole or not at all.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
    """
    data = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, metadata=metadata)
    write_bytes(path, data)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and texts of a safetensors file.

    Raises:
        ValueError: The file is damaged or no safetensors file.
        FileNotFoundError: There is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"expected a checkpoint (.safetensors), found no file {path}")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dictionary
            return tensors, file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(
            f"expected a whole safetensors checkpoint, got {path}: {error}; a pickled checkpoint (.pt, .pth, .ckpt) is "
            "never opened, since loading it could run its code"
        ) from error
