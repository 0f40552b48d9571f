"""JSON files whose mistakes are told by place: a line where it is no JSON, a path such as `frames[3].points` else."""

import json
import math
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_NAMES: dict[type, str] = {dict: "an object", list: "a list", str: "a text", int: "a whole number", float: "a number"}


def load_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; NaN and Infinity, which Python's writer lets through, are no JSON.

    Raises:
        ValueError: The file is no JSON, or its outermost value is no object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"expected JSON in {path}, got a mistake in line {error.lineno}, column {error.colno}: {error.msg}; "
            "is it cut off?"
        ) from error
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ValueError(f"expected JSON in {path}, got something else: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object in {path}, got {_short(value)}")
    return value


def member(parent: dict[str, Any], name: str, kind: type[T], where: str) -> T:
    """Return a member of that type, or raise `ValueError` that says what stands at `where` instead.

    Example:
        >>> member({"fps": 25}, "fps", float, "info")
        25.0
        >>> member({"fps": "x"}, "fps", float, "info")
        Traceback (most recent call last):
        ValueError: expected a number as info.fps, got 'x'
    """
    if name not in parent:
        raise ValueError(f"expected {_NAMES[kind]} as {where}.{name}, found no such member")
    value = parent[name]
    if kind is float and is_number(value):
        return kind(value)  # type: ignore[call-arg]  # kind is float here
    if kind is float or not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"expected {_NAMES[kind]} as {where}.{name}, got {_short(value)}")
    return value


def whole(parent: dict[str, Any], name: str, where: str) -> int:
    """Return a member that is a whole number, written as 5 or as 5.0."""
    value = member(parent, name, float, where)
    if not value.is_integer():
        raise ValueError(f"expected a whole number as {where}.{name}, got {value}")
    return int(value)


def is_number(value: object) -> bool:
    """Tell whether a JSON value is a finite number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _refuse(constant: str) -> float:
    raise ValueError(f"it holds {constant}, which is no JSON number")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
