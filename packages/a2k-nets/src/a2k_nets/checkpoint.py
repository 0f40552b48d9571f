"""One safetensors file holds weights, config and licence; nothing is ever unpickled."""

import json
import os
import tempfile
from importlib.resources import files
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from a2k_nets.config import ModelConfig, config_from_dict, config_to_json

__all__ = [
    "FORMAT_VERSION",
    "embedded_checkpoint",
    "load_checkpoint",
    "read_tensors",
    "save_checkpoint",
    "write_tensors",
]

#: Version of the layout of checkpoint files; another one is refused.
FORMAT_VERSION = "1"

_LICENCE = "CC-BY-NC-4.0 (research); see MODEL_CARD.md"


def embedded_checkpoint() -> Path:
    """Return the path of the checkpoint that comes with the package."""
    return Path(str(files("a2k_nets") / "weights" / "model.safetensors"))


def save_checkpoint(path: Path | str, state: dict[str, Tensor], config: ModelConfig) -> None:
    """Write weights and config; the file appears whole or not at all."""
    metadata = {"format_version": FORMAT_VERSION, "config": config_to_json(config), "licence": _LICENCE}
    write_tensors(Path(path), state, metadata)


def load_checkpoint(path: Path | str | None = None) -> tuple[dict[str, Tensor], ModelConfig]:
    """Return weights and config of a checkpoint, by default the embedded one.

    Args:
        path: A `.safetensors` file, or a folder with `model.safetensors`.

    Raises:
        ValueError: The file is damaged, of another version, or no safetensors file.
        FileNotFoundError: There is no such file.
    """
    path = embedded_checkpoint() if path is None else Path(path)
    if path.is_dir():
        path = path / "model.safetensors"
    state, metadata = read_tensors(path)
    if metadata.get("format_version") != FORMAT_VERSION or "config" not in metadata:
        raise ValueError(
            f"expected a checkpoint of format version {FORMAT_VERSION} with its config, got {path} of version "
            f"{metadata.get('format_version', 'unknown')}; use the a2k-nets release that wrote it"
        )
    try:
        return state, config_from_dict(json.loads(metadata["config"]))
    except (TypeError, ValueError) as error:
        raise ValueError(f"expected a valid config in {path}, got {metadata['config'][:80]}: {error}") from error


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write named tensors and texts as one safetensors file, which appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, metadata=metadata)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=path.suffix)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)  # noqa: PTH101 - mkstemp's files are private, a published model is not
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


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
