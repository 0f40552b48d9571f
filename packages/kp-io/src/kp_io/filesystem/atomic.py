"""Atomic file writes: a file appears complete or not at all."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: The disk or the user's quota is full.
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path in the same folder, and rename it to `path` when the block succeeds.

    The temporary file keeps the suffix, for writers that choose a format by it. If the block raises, the temporary file
    is removed and any old file at `path` is untouched. A missing folder is created.

    Raises:
        OSError: The folder cannot be created or written, or `path` is a folder.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic_path(Path(folder, "new", "note.txt")) as temporary:
        ...         _ = temporary.write_text("whole")
        ...     Path(folder, "new", "note.txt").read_text()
        'whole'
    """
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(f"expected a file to write, got the folder {target}; add a file name")
    temporary = target.with_name(f".{target.stem[:80]}.{secrets.token_hex(4)}{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Created here, not by the writer, so that a read-only folder or a full disk shows before any work is done.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        advice = "choose another folder or change its permissions"
        raise type(error)(f"cannot write {target}: {error.strerror or error}; {advice}") from error
    try:
        yield temporary
        temporary.replace(target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and is_disk_full(error):
            if error.strerror:
                raise write_error(target, error) from error
            # From a nested block: name the outer target, not its temporary file.
            renamed = OSError(str(error).replace(str(temporary), str(target)))
            renamed.errno = error.errno
            raise renamed from error
        raise


def sync_file(path: str | os.PathLike[str]) -> None:
    """Wait until the content of a file is on the disk; Windows needs a handle that may write for that.

    Raises:
        OSError: The file cannot be opened, or the disk fails.
    """
    with Path(path).open("rb+") as file:
        os.fsync(file.fileno())


def write_error(path: str | os.PathLike[str], error: Exception) -> OSError:
    """Return an `OSError` that names the file, from an error of the system or FFmpeg that does not."""
    advice = "; make room or choose another folder" if is_disk_full(error) else ""
    named = OSError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}{advice}")
    named.errno = getattr(error, "errno", None)
    return named


def is_disk_full(error: BaseException) -> bool:
    """Return whether a write failed because the disk or the user's quota is full.

    Example:
        >>> is_disk_full(OSError(errno.ENOSPC, "No space left on device")), is_disk_full(ValueError())
        (True, False)
    """
    return getattr(error, "errno", None) in _DISK_FULL
