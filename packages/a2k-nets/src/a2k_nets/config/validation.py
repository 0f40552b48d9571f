"""What every group of settings refuses: unknown names, values of another kind, numbers that are not finite."""

import math
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, get_args, get_origin

_WORDS = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text"}


def refuse_unknown(cls: type, values: dict[str, Any]) -> None:
    """Raise `ValueError` with the nearest valid name if a dataclass has no such field, or if they are no table.

    Raises:
        ValueError: As it says.
    """
    if not isinstance(values, dict):
        raise ValueError(f"expected settings of {cls.__name__} by name, got {values!r}")
    names = [f.name for f in fields(cls)]
    for name in values:
        if name not in names:
            nearest = get_close_matches(name, names, n=1, cutoff=0.0)
            raise ValueError(f"unknown setting {name!r} of {cls.__name__}; did you mean {nearest[0]!r}?")


def check_kinds(config: Any) -> None:
    """Raise where a value of a dataclass is not of the kind that its field asks for: files hold whatever people write.

    Whole numbers pass for numbers with a point, but NaN and infinity for neither.

    Raises:
        ValueError: A value is of another kind; the message names its field.

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
        if kind in _WORDS:
            if not _is(value, kind):
                raise ValueError(f"expected {field.name} to be {_WORDS[kind]}, got {value!r}")
        elif get_origin(kind) is tuple:
            item, *rest = get_args(kind)
            count = None if rest == [...] else 1 + len(rest)
            fits = isinstance(value, tuple) and count in (None, len(value))
            if not fits or not all(_is(entry, item) for entry in value):
                how_many = "a list of whole numbers" if count is None else f"{count} whole numbers"
                raise ValueError(f"expected {field.name} to be {how_many}, got {value!r}")


def _is(value: Any, kind: Any) -> bool:
    if kind is float:
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is kind  # a bool is an int to Python, and not to a user
