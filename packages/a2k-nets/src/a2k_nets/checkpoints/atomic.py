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
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=path.suffix)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        temporary.chmod(0o644)  # files of mkstemp are private, a published model is not
        temporary.replace(path)
    except OSError as error:
        # The error of the system names the temporary file, or none.
        reason = error.strerror or str(error)
        raise type(error)(f"cannot write {path}: {reason}; make room or choose another folder") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
