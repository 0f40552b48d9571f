"""What is fuzzed: a name, the good files that are damaged for it, and what is then done with the damaged one."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Case", "Target"]


@dataclass(frozen=True)
class Case:
    """One input: where it is, and what is around it.

    Attributes:
        bad: The damaged file.
        seeds: Folder of good files.
        inputs: Folder that the damaged file is in; nothing in it may change.
        out: Folder for what is written.
    """

    bad: Path
    seeds: Path
    inputs: Path
    out: Path

    def folder_with(self, name: str, place: str) -> Path:
        """Return a copy of a folder of good files in which the damaged one has taken a place."""
        folder = self.inputs / name
        shutil.copytree(self.seeds / name, folder)
        shutil.copyfile(self.bad, folder / place)
        return folder


@dataclass(frozen=True)
class Target:
    """A reader or a command.

    Attributes:
        name: As it is told.
        seeds: Glob patterns of the good files.
        call: Reads the case's file, or gives the command's arguments.
        weight: How often it is drawn, beside the others.
        program: For a command: the module that is run with `python -m`; its arguments are what `call` returns.
        stdin: What goes to the command's input: BAD, or the name of a good file; nothing by default.
        seconds: More than this is a hang.
        works_in_inputs: The command goes on with a folder that is there, which it may change.
    """

    name: str
    seeds: tuple[str, ...]
    call: Callable[[Case], object]
    weight: float = 1.0
    program: str = ""
    stdin: str = ""
    seconds: float = 30.0
    works_in_inputs: bool = field(default=False)
