"""Find and read the weights of face-alignment's networks."""

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

_SOURCE = "https://www.adrianbulat.com/downloads/python-fan/"

#: File names as the library's author publishes them; the digits are the start of each file's SHA-256.
BOXES = "s3fd-619a316812.pth"
POINTS_2D = "2DFAN4-11f355bf06.pth.tar"
POINTS_3D = "3DFAN4-7835d9f11d.pth.tar"
DEPTH = "depth-2a464da4ea.pth.tar"

# Old checkpoints hold some NumPy numbers, such as the epoch's accuracy. Files name NumPy's module as it was when they
# were written, so both names are needed.
_scalar: Any = np.float64(0).__reduce__()[0]
_SAFE_GLOBALS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_scalar, "numpy.core.multiarray.scalar"),
    (_scalar, "numpy._core.multiarray.scalar"),
    np.dtype,
    type(np.dtype(np.float32)),
    type(np.dtype(np.float64)),
    type(np.dtype(np.int64)),
]


def needed_weights(dimensions: int) -> tuple[str, ...]:
    """Return the weight files for 2 or 3 dimensions: boxes, points, and depth for 3.

    Example:
        >>> needed_weights(2)
        ('s3fd-619a316812.pth', '2DFAN4-11f355bf06.pth.tar')
    """
    return (BOXES, POINTS_2D) if dimensions == 2 else (BOXES, POINTS_3D, DEPTH)


def find_weights(names: Sequence[str], folder: Path | None = None) -> list[Path]:
    """Return the paths of the weight files.

    Args:
        names: File names, as `needed_weights` returns them.
        folder: Their folder; by default torch.hub's, `$TORCH_HOME/hub/checkpoints`, which the library uses too.

    Raises:
        FileNotFoundError: Some are missing; the message gives their names and URLs, the folder, and an alternative.
    """
    folder = folder or Path(torch.hub.get_dir()) / "checkpoints"
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"the face-alignment detector needs weights that are not in {folder}: download "
            f"{' and '.join(_SOURCE + name for name in missing)} and put them there, or name another folder with "
            "--weights DIR (in Python weights=DIR); meanwhile --detector dlib works offline"
        )
    return [folder / name for name in names]


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a network's weights from a checkpoint without executing any code in it.

    Raises:
        ValueError: It is damaged, or holds more than tensors and plain values.
    """
    try:
        with torch.serialization.safe_globals(_SAFE_GLOBALS):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise ValueError(
            f"{path} is no checkpoint of tensors and plain values, so it is not loaded: if it is cut off, "
            f"download it again ({_first_line(error)})"
        ) from error
    weights = content.get("state_dict", content) if isinstance(content, dict) else None
    if not weights or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ValueError(f"expected the weights of one network in {path}, got something else")
    # Training on several GPUs adds this prefix to every name.
    return {name.removeprefix("module."): value for name, value in weights.items()}


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
