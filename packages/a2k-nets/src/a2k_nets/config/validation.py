"""Checks of settings: unknown names, values of a wrong type, numbers that are not finite."""

import math
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, get_args, get_origin

_TYPE_NAMES = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text"}


def refuse_unknown(cls: type, values: dict[str, Any]) -> None:
    """Check that every name is a field of a dataclass.

    Raises:
        ValueError: A name is unknown (the message gives the nearest valid one), or `values` is no dictionary.
    """
    if not isinstance(values, dict):
        raise ValueError(f"expected settings of {cls.__name__} by name, got {values!r}")
    names = [f.name for f in fields(cls)]
    for name in values:
        if name not in names:
            nearest = get_close_matches(name, names, n=1, cutoff=0.0)
            raise ValueError(f"unknown setting {name!r} of {cls.__name__}; did you mean {nearest[0]!r}?")


def check_kinds(config: Any) -> None:
    """Check the type of every value of a dataclass, since files may hold anything.

    Whole numbers are accepted as floats; NaN and infinity are refused.

    Raises:
        ValueError: A value has the wrong type; the message names its field.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Settings:
        ...     steps: int = 1
        >>> check_kinds(Settings(steps="ten"))
        Traceback (most recent call last):
        ValueError: expected steps to be a whole number, got 'ten'
    """
    for field in fields(config):
        value, kind = getattr(config, field.name), field.type
        if kind in _TYPE_NAMES:
            if not _has_type(value, kind):
                raise ValueError(f"expected {field.name} to be {_TYPE_NAMES[kind]}, got {value!r}")
        elif get_origin(kind) is tuple:
            item, *rest = get_args(kind)
            count = None if rest == [...] else 1 + len(rest)
            fits = isinstance(value, tuple) and count in (None, len(value))
            if not fits or not all(_has_type(entry, item) for entry in value):
                wanted = "a list of whole numbers" if count is None else f"{count} whole numbers"
                raise ValueError(f"expected {field.name} to be {wanted}, got {value!r}")


def _has_type(value: Any, kind: Any) -> bool:
    if kind is float:
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is kind  # bool is a subclass of int
