"""The reading that `a2k web` offers lies outside of the package in a checkout, and inside of it in an sdist."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_READING = "sense_and_sensibility_0870.wav"


class CustomBuildHook(BuildHookInterface[Any]):
    """Brings the reading into wheels that are built from a checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Include the file where it lies beside the packages; an sdist has it in its place already."""
        reading = Path(self.root).parents[1] / "examples" / "assets" / _READING
        inside = Path(self.root) / "src" / "a2k_nets" / "examples" / _READING
        if version != "editable" and not inside.is_file():
            build_data["force_include"][str(reading)] = f"a2k_nets/examples/{_READING}"
