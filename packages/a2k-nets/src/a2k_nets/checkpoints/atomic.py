"""Atomic writes of files."""

import os
import secrets
from pathlib import Path


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically: a failure leaves an existing file untouched; a missing folder is created.

    Raises:
        OSError: The disk is full, or the folder cannot be created or written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_bytes(Path(folder, "new", "note.txt"), b"whole")
        ...     Path(folder, "new", "note.txt").read_text()
        'whole'
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.stem[:80]}.{secrets.token_hex(4)}{path.suffix}")
        # Unlike files of mkstemp, which are private, it gets the permissions of any new file: the umask decides.
        handle = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o666)
        temporary = new
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        temporary.replace(path)
    except OSError as error:
        # The error of the system names the temporary file, or none.
        reason = error.strerror or str(error)
        raise type(error)(f"cannot write {path}: {reason}; make room or choose another folder") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
