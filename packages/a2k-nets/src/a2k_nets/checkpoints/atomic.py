"""Atomic writes of files."""

import os
import tempfile
from pathlib import Path


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically: a failure leaves an existing file untouched; a missing folder is created.

    Raises:
        OSError: The disk is full, or the folder cannot be created or written.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_bytes(Path(folder, "new", "note.txt"), b"whole")
        ...     Path(folder, "new", "note.txt").read_text()
        'whole'
    """
    try:
        _write(path, data)
    except OSError as error:
        # The error of the system names the temporary file, or none.
        reason = error.strerror or str(error)
        raise type(error)(f"cannot write {path}: {reason}; make room or choose another folder") from error


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=path.suffix)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)  # noqa: PTH101 - mkstemp's files are private, a published model is not
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
