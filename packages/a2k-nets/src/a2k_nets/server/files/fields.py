"""The fields of a file request: its options, as text."""

import json
from collections.abc import Mapping
from typing import Any

from a2k_nets.server.files.errors import RequestError
from a2k_nets.server.options import OPTIONS, check_options


def parse_fields(fields: Mapping[str, str], *, forms: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the form of the answer, and the arguments of `generate_sequence`.

    Raises:
        RequestError: A field is unknown or has a wrong value.

    Example:
        >>> parse_fields({"format": "csv", "blink": "0.5"}, forms={"csv": ...})
        ('csv', {'blink': 0.5})
    """
    if unknown := sorted(set(fields) - {"format", *OPTIONS}):
        known = ", ".join(("format", *OPTIONS))
        raise RequestError(422, "input", f"expected the fields {known}, got {unknown[0][:60]!r}")
    form = fields.get("format", next(iter(forms)))
    if form not in forms:
        raise RequestError(422, "input", f"expected a format out of {', '.join(forms)}, got {form[:60]!r}")
    try:
        return form, check_options({name: _value(fields[name]) for name in OPTIONS if name in fields})
    except ValueError as error:
        raise RequestError(422, "input", str(error)) from None


def _value(text: str) -> Any:
    """Return a value of JSON; text that is none stays text, which no option takes."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
