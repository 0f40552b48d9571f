"""Where the weights of face-alignment's networks are, and how they are read."""

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

_SOURCE = "https://www.adrianbulat.com/downloads/python-fan/"

#: File names as the library's author publishes them; the digits are the beginning of each file's SHA-256.
BOXES = "s3fd-619a316812.pth"
POINTS_2D = "2DFAN4-11f355bf06.pth.tar"
POINTS_3D = "3DFAN4-7835d9f11d.pth.tar"
DEPTH = "depth-2a464da4ea.pth.tar"

# Old checkpoints hold a NumPy number here and there, such as the epoch's accuracy. Both names of NumPy's module, since
# a file says the one it was written with.
_scalar: Any = np.float64(0).__reduce__()[0]
_HARMLESS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_scalar, "numpy.core.multiarray.scalar"),
    (_scalar, "numpy._core.multiarray.scalar"),
    np.dtype,
    type(np.dtype(np.float32)),
    type(np.dtype(np.float64)),
    type(np.dtype(np.int64)),
]


def needed_weights(dimensions: int) -> tuple[str, ...]:
    """Return the file names that points of 2 or of 3 dimensions need: boxes, points, and depth for 3.

    Example:
        >>> needed_weights(2)
        ('s3fd-619a316812.pth', '2DFAN4-11f355bf06.pth.tar')
    """
    return (BOXES, POINTS_2D) if dimensions == 2 else (BOXES, POINTS_3D, DEPTH)


def find_weights(names: Sequence[str], folder: Path | None = None) -> list[Path]:
    """Return the paths of the weight files.

    Args:
        names: File names, as `needed_weights` returns them.
        folder: Where they are; by default where torch.hub keeps its downloads, `$TORCH_HOME/hub/checkpoints`, which is
            also where the library puts them.

    Raises:
        FileNotFoundError: Some are not there; the message names them, their addresses, where to put them, and what to
            use meanwhile.
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
    """Read a network's weights from a checkpoint, without running any code that it may hold.

    Raises:
        ValueError: It is damaged, or holds more than tensors and plain values.
    """
    try:
        with torch.serialization.safe_globals(_HARMLESS):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise ValueError(
            f"{path} is no checkpoint of tensors and plain values, so it is not loaded: it may be cut off, then "
            f"download it again ({_first_line(error)})"
        ) from error
    weights = content.get("state_dict", content) if isinstance(content, dict) else None
    if not weights or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ValueError(f"expected the weights of one network in {path}, got something else")
    # Training on several GPUs puts this before every name.
    return {name.removeprefix("module."): value for name, value in weights.items()}


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
