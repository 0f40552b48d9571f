"""Read JSON with errors that locate the mistake: a line and column, or a path such as `frames[3].points`."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from kp_io.formats.frame_placement import FRAME_NAMES, TIME_UNITS, Placement, place_rows

T = TypeVar("T")

_NAMES: dict[type, str] = {dict: "an object", list: "a list", str: "a text", int: "a whole number", float: "a number"}


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
        raise ValueError(f"expected a JSON object in {path}, got {_short(value)}")
    return value


def member(parent: dict[str, Any], name: str, kind: type[T], where: str, *, default: T | None = None) -> T:
    """Return a member of that type, or the default if it is missing; otherwise raise `ValueError` with its path.

    Example:
        >>> member({"fps": 25}, "fps", float, "info")
        25.0
        >>> member({"fps": "x"}, "fps", float, "info")
        Traceback (most recent call last):
        ValueError: expected a number as info.fps, got 'x'
    """
    if name not in parent:
        if default is not None:
            return default
        raise ValueError(f"expected {_NAMES[kind]} as {where}.{name}, found no such member")
    value = parent[name]
    if kind is float and is_number(value):
        return kind(value)  # type: ignore[call-arg]  # kind is float here
    if kind is float or not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"expected {_NAMES[kind]} as {where}.{name}, got {_short(value)}")
    return value


def integer_member(parent: dict[str, Any], name: str, where: str, *, default: int | None = None) -> int:
    """Return a member that is a whole number, written as 5 or as 5.0."""
    value = member(parent, name, float, where, default=default)
    if value % 1:
        raise ValueError(f"expected a whole number as {where}.{name}, got {value}")
    return int(value)


def object_list(parent: dict[str, Any], name: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the objects in a list of the outermost object, each with its path such as `frames[3]`."""
    entries = [(f"{name}[{index}]", entry) for index, entry in enumerate(member(parent, name, list, "file"))]
    for where, entry in entries:
        if not isinstance(entry, dict):
            raise ValueError(f"expected an object as {where}, got {type(entry).__name__}")
    return entries


def place_entries(
    entries: list[tuple[str, dict[str, Any]]], fps: float | None, *, total: int | None = None
) -> Placement:
    """Return the frame of each entry, by its number or else its time; in the order of the file without both.

    `entries` are those of `object_list`, and `total` the number of frames that the file states, if it does.
    """
    number = next((name for name in FRAME_NAMES if all(name in entry for _, entry in entries)), None)
    time = next((name for name in TIME_UNITS if all(name in entry for _, entry in entries)), None)
    places = place_rows(
        len(entries),
        numbers=None if number is None else np.array([integer_member(e, number, where) for where, e in entries], float),
        times=None
        if time is None
        else np.array([member(e, time, float, where) for where, e in entries]) * TIME_UNITS[time],
        fps=fps,
        names=(str(number), str(time)),
    )
    if total is None or (number is None and time is None) or total < places.total:
        return places
    return replace(places, total=total)


def is_number(value: object) -> bool:
    """Return whether a JSON value is a finite number in the range of a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def shortest_floats(values: Tensor) -> list[Any]:
    """Return float32 values as nested lists whose JSON text is as short as is exact: 0.1, not 0.10000000149."""
    floats: list[Any] = values.detach().cpu().numpy().astype(str).astype(np.float64).tolist()
    return floats


def _reject_constant(constant: str) -> float:
    raise ValueError(f"it holds {constant}, which is no JSON number")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
