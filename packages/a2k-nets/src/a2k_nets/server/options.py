"""The options that a client may set for its stream or its file, and their ranges."""

import json
import math
from collections.abc import Mapping
from typing import Any

#: The gains of `generate_sequence`, and the largest one.
GAINS = ("head_motion", "expression", "blink", "turn", "nod", "tilt", "brow")
_MAX_GAIN = 10.0

_MAX_SEED = (1 << 63) - 1

#: All options.
OPTIONS = (*GAINS, "neutralize_mouth", "seed")


def check_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options among values that JSON has, as arguments of `generate_sequence`.

    Raises:
        ValueError: One has another type or is out of range.

    Example:
        >>> check_options({"blink": 1, "seed": 4, "rate": 8_000})
        {'blink': 1.0, 'seed': 4}
    """
    checked: dict[str, Any] = {name: check_number(given[name], name, 0, _MAX_GAIN) for name in GAINS if name in given}
    if "neutralize_mouth" in given:
        if not isinstance(given["neutralize_mouth"], bool):
            raise ValueError(f"expected true or false as neutralize_mouth, got {shorten(given['neutralize_mouth'])}")
        checked["neutralize_mouth"] = given["neutralize_mouth"]
    if "seed" in given:
        checked["seed"] = check_integer(given["seed"], "seed", 0, _MAX_SEED)
    return checked


def check_number(value: Any, name: str, least: float, most: float) -> float:
    """Return a finite number in a range, or raise a `ValueError`."""
    if not is_number(value) or not least <= value <= most:
        raise ValueError(f"expected a number from {least:g} to {most:g} as {name}, got {shorten(value)}")
    return float(value)


def check_integer(value: Any, name: str, least: int, most: int) -> int:
    """Return a whole number in a range, or raise a `ValueError`."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"expected a whole number from {least} to {most} as {name}, got {shorten(value)}")
    return value


def is_number(value: Any) -> bool:
    """Return whether a value of JSON is a finite number; true and false are none."""
    # Compared, since math.isfinite fails for whole numbers beyond all floats.
    return isinstance(value, int | float) and not isinstance(value, bool) and -math.inf < value < math.inf


def shorten(value: Any) -> str:
    """Return a value of JSON as text for a message.

    Example:
        >>> shorten("x" * 1_000)
        '"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'
    """
    try:
        text = json.dumps(value)
    except RecursionError:
        text = "lists in lists, too deep"
    return text if len(text) <= 60 else f"{text[:57]}..."
