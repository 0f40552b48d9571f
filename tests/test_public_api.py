"""The names and parameters that users build on, against the list beside: no change of them goes unseen.

`python tests/test_public_api.py` writes the list anew, for a change that is meant (and has its line in CHANGELOG.md).
"""

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

LIST = Path(__file__).with_name("public_api.txt")

#: The packages, and the rooms that offer more of their settings.
MODULES = (
    "kp_io",
    "kp_metrics",
    "a2k_nets",
    "a2k_nets.config",
    "a2k_nets.sync",
    "a2k_train",
    "a2k_train.config",
    "kp_render",
)


def surface() -> Iterator[str]:
    """Yield a line for every public name: a function or class with its parameters, and a class's own methods."""
    for module in MODULES:
        for name in sorted(importlib.import_module(module).__all__):
            value = getattr(importlib.import_module(module), name)
            yield f"{module}.{name}{parameters(value)}"
            if inspect.isclass(value):
                for method, function in sorted(vars(value).items()):
                    plain = getattr(function, "__func__", function)
                    if not method.startswith("_") and inspect.isfunction(plain):
                        yield f"{module}.{name}.{method}{parameters(plain)}"


def parameters(value: object) -> str:
    """Return the names of what a callable takes, `*` before those that are keywords only."""
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        return ""
    try:
        taken = inspect.signature(value).parameters.values()
    except ValueError:  # an enumeration, or a class of C
        return ""
    words, starred = [], False
    for parameter in taken:
        if parameter.kind is parameter.VAR_POSITIONAL:
            starred = True
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            words.append("*")
            starred = True
        prefix = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        words.append(prefix + parameter.name + ("" if parameter.default is parameter.empty else "="))
    return f"({', '.join(words)})"


def test_no_public_name_changes_unseen():
    listed, found = LIST.read_text(encoding="utf-8").splitlines(), list(surface())
    gone, new = sorted(set(listed) - set(found)), sorted(set(found) - set(listed))
    assert (gone, new) == ([], []), "if this is meant: python tests/test_public_api.py, and a line in CHANGELOG.md"
    assert listed == found


if __name__ == "__main__":
    LIST.write_text("\n".join(surface()) + "\n", encoding="utf-8")
