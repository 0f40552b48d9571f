"""Rename "Example:" in docstrings to "Examples:", the section name that the site's parser knows."""

import re
from typing import Any

from griffe import Extension, Object


class ExampleSections(Extension):
    """Show the examples of docstrings as code."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rename the section of an object's docstring."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
