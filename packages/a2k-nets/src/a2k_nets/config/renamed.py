"""Names of release 0.1.0 that files and scripts may still use, and the names that replaced them."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Value = TypeVar("_Value")

#: Settings of the networks, in the config of a checkpoint (format 2) or in a TOML file.
RENAMED_SETTINGS = {"ease_in_frames": "fade_in_frames"}

#: Tensors of a `residual` model in a checkpoint (format 2).
RENAMED_TENSORS = {
    "generator.sway_head.weight": "generator.motion_gain_head.weight",
    "generator.sway_head.bias": "generator.motion_gain_head.bias",
    "head_motion.typical_sway": "head_motion.typical_log_std",
}


def rename_settings(values: Mapping[str, _Value], table: Mapping[str, str]) -> dict[str, _Value]:
    """Return the values with old names replaced, order kept.

    Args:
        values: Settings or tensors by name.
        table: New names by old ones.

    Raises:
        ValueError: An old name and its new one are both given.

    Example:
        >>> rename_settings({"width": 64, "ease_in_frames": 5}, RENAMED_SETTINGS)
        {'width': 64, 'fade_in_frames': 5}
    """
    for old, new in table.items():
        if old in values and new in values:
            raise ValueError(f"expected {new!r} only once, got it and its old name {old!r}")
    return {table.get(name, name): value for name, value in values.items()}


def accept_renamed(**names: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Return a decorator for functions whose keyword arguments were renamed: `old="new"`.

    Calls with an old name keep working; the signature lists the new names only.

    Example:
        >>> @accept_renamed(rest_lips="neutralize_mouth")
        ... def generate(*, neutralize_mouth=False):
        ...     return neutralize_mouth
        >>> generate(rest_lips=True)
        True
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(function)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            for old, new in names.items():
                if old in kwargs:
                    if new in kwargs:
                        raise TypeError(f"{function.__qualname__}() got {new!r} and its old name {old!r}")
                    kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call

    return decorate
