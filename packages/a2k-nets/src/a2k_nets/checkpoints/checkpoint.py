"""Checkpoints: one safetensors file with weights, config and licence; pickles are never opened."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from a2k_nets.checkpoints.atomic import write_bytes
from a2k_nets.checkpoints.resolve import resolve_checkpoint
from a2k_nets.config.presets import AnyConfig, config_from_dict, config_to_json, preset_of
from a2k_nets.config.renamed import RENAMED_TENSORS, rename_settings

_Model = TypeVar("_Model", bound=nn.Module)

#: Version of the checkpoint files that are written.
FORMAT_VERSION = "3"

# Format 2, of release 0.1.0, has the old names in `a2k_nets.config.renamed`.
_OLD_VERSION = "2"

#: Licence of the weights that training writes; their sources allow no more.
LICENCE = "CC-BY-NC-4.0 (research); see the model card"


def save_checkpoint(path: Path | str, state: dict[str, Tensor], config: AnyConfig, *, licence: str = LICENCE) -> None:
    """Write weights, config and licence to a safetensors file, atomically."""
    metadata = {
        "format_version": FORMAT_VERSION,
        "preset": preset_of(config),
        "config": config_to_json(config),
        "licence": licence,
    }
    write_tensors(Path(path), state, metadata)


def load_checkpoint(source: Path | str | None = None, **options: Any) -> tuple[dict[str, Tensor], AnyConfig]:
    """Return weights and config of a checkpoint, by default the one in the package.

    Args:
        source: A `.safetensors` file, a folder with `model.safetensors`, or an id `owner/name` of the Hub.
        options: Options of `a2k_nets.checkpoints.resolve.resolve_checkpoint`: `revision`, `sha256` …

    Raises:
        ValueError: The file is damaged, has another digest or version, or is no safetensors file.
        FileNotFoundError: There is no such file.
    """
    path = resolve_checkpoint(source, **options)
    state, metadata = read_tensors(path)
    if metadata.get("format_version") not in (FORMAT_VERSION, _OLD_VERSION) or "config" not in metadata:
        raise ValueError(
            f"expected a checkpoint of format version {FORMAT_VERSION} or {_OLD_VERSION} with its config, got {path} "
            f"of version {metadata.get('format_version', 'unknown')}; use the a2k-nets release that wrote it"
        )
    try:
        # The first checkpoints, all of them residual, do not name their preset.
        config = config_from_dict(json.loads(metadata["config"]), preset=metadata.get("preset", "residual"))
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"expected a valid config in {path}, got {metadata['config'][:80]}: {error}") from error
    return rename_settings(state, RENAMED_TENSORS), config


def construct(make: Callable[[], _Model]) -> _Model:
    """Return the network that `make` builds; raise `ValueError` if the config of the checkpoint cannot be built.

    Raises:
        ValueError: The network cannot be built.
    """
    try:
        return make()
    except (TypeError, OverflowError, RuntimeError, MemoryError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise ValueError(f"expected the config of a network that can be built in the checkpoint: {reason}") from error


def load_state_strict(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Load the tensors of a checkpoint into a model.

    Raises:
        ValueError: Tensors are missing, unknown or of another shape; the message names them.
    """
    own = model.state_dict()
    expected, found = set(own), set(state)
    if expected != found:
        raise ValueError(
            f"expected the tensors of this model in the checkpoint, got {len(found)} tensors; missing: "
            f"{sorted(expected - found)[:3]}, unknown: {sorted(found - expected)[:3]}"
        )
    for name, tensor in own.items():
        if state[name].shape != tensor.shape:
            raise ValueError(
                f"expected {name} of shape {tuple(tensor.shape)} in the checkpoint, got {tuple(state[name].shape)}"
            )
    model.load_state_dict(state)


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write named tensors and texts to a safetensors file, atomically.

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
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
            return tensors, file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(
            f"expected a whole safetensors checkpoint, got {path}: {error}; a pickled checkpoint (.pt, .pth, .ckpt) is "
            "never opened, since loading it could run its code"
        ) from error
