"""Load JSON, with errors that state the line and column of a mistake, and prepare floats for writing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from kp_io.formats.json_frames import short_text


def load_json(path: Path) -> dict[str, Any]:
    """Read a JSON object, or raise `ValueError`; NaN and Infinity, which Python would accept, are errors."""
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_reject_constant)
    except json.JSONDecodeError as error:
        mistake = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise ValueError(f"expected JSON in {path}, got a mistake in {mistake}; is it cut off?") from error
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ValueError(f"expected JSON in {path}, got something else: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object in {path}, got {short_text(value)}")
    return value


def shortest_floats(values: Tensor) -> list[Any]:
    """Return float32 values as nested lists whose JSON text is as short as is exact: 0.1, not 0.10000000149."""
    floats: list[Any] = values.detach().cpu().numpy().astype(str).astype(np.float64).tolist()
    return floats


def _reject_constant(constant: str) -> float:
    raise ValueError(f"it holds {constant}, which is no JSON number")
