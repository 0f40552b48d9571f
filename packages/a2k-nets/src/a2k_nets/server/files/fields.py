"""The fields of a file request: its options, as text."""

import json
import math
from collections.abc import Mapping
from typing import Any

from a2k_nets.server.files.errors import RequestError

#: Fields of numbers, with their largest values.
_GAINS = dict.fromkeys(("head_motion", "expression", "blink", "turn", "nod", "tilt", "brow"), 10.0)
_MAX_SEED = (1 << 63) - 1


def parse_fields(fields: Mapping[str, str], *, forms: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the form of the answer, and the arguments of `generate_sequence`.

    Raises:
        RequestError: A field is unknown or has a wrong value.

    Example:
        >>> parse_fields({"format": "csv", "blink": "0.5"}, forms={"csv": ...})
        ('csv', {'blink': 0.5})
    """
    options: dict[str, Any] = {}
    form = next(iter(forms))
    for name, text in fields.items():
        if name == "format":
            form = text
        elif name in _GAINS:
            options[name] = _number(name, text, _GAINS[name])
        elif name == "seed":
            options[name] = int(_number(name, text, _MAX_SEED, whole=True))
        elif name == "neutralize_mouth" and text in ("true", "false"):
            options[name] = text == "true"
        else:
            known = ", ".join(("format", *_GAINS, "seed", "neutralize_mouth (true or false)"))
            raise RequestError(422, "input", f"expected the fields {known}, got {name[:60]!r} = {text[:60]!r}")
    if form not in forms:
        raise RequestError(422, "input", f"expected a format out of {', '.join(forms)}, got {form[:60]!r}")
    return form, options


def _number(name: str, text: str, most: float, *, whole: bool = False) -> float:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not fits or not math.isfinite(value) or not 0 <= value <= most:
        kind = "whole number" if whole else "number"
        raise RequestError(422, "input", f"expected a {kind} from 0 to {most:g} as {name}, got {text[:60]!r}")
    number: float = value
    return number
