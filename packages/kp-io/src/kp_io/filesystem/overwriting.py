"""Refuse to write over files that are read."""

import os
from collections.abc import Iterable
from pathlib import Path


def refuse_overwriting(
    outputs: Iterable[str | os.PathLike[str] | None], inputs: Iterable[str | os.PathLike[str] | None]
) -> None:
    """Raise a `ValueError` if a file to write is one of the files to read, whatever its name: links count as the file.

    Args:
        outputs: Files to write; None is skipped.
        inputs: Files to read; None is skipped, and so is what does not exist. A folder is only itself: give the files
            in it that are read.

    Raises:
        ValueError: An output is an input, or two outputs are the same file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     talk = Path(folder, "talk.mp4")
        ...     talk.touch()
        ...     refuse_overwriting([Path(folder, "new.mp4")], [talk])
        ...     refuse_overwriting([Path(folder, "talk.mp4")], [talk])
        Traceback (most recent call last):
        ValueError: expected another file to write than those that are read, got ...
    """
    read = {key: path for path in inputs if path is not None and (key := _identity(path)) is not None}
    written: set[object] = set()
    for path in outputs:
        if path is None:
            continue
        key = _identity(path)
        if key in read:
            raise ValueError(
                f"expected another file to write than those that are read, got {path}, which is "
                f"the input {read[key]}; choose another name"
            )
        new = Path(path).resolve() if key is None else key
        if new in written:
            raise ValueError(f"expected different files to write, got {path} twice; choose another name")
        written.add(new)


def beside(source: str | os.PathLike[str], suffix: str) -> Path:
    """Return the default output: the name of the input with another suffix, unless that file exists.

    Raises:
        ValueError: The file exists; a default never replaces anything.

    Example:
        >>> beside("talk.npz", ".mp4").name
        'talk.mp4'
    """
    path = Path(source).with_suffix(suffix)
    if os.path.lexists(path):
        raise ValueError(f"expected -o FILE: without it the result would be {path}, which exists already")
    return path


def _identity(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Return device and inode of what a path leads to, through links; None if it leads to nothing."""
    try:
        state = Path(path).stat()
    except (OSError, ValueError):
        return None
    return state.st_dev, state.st_ino
