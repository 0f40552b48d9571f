"""A lock on a file: of several processes, one at a time works on a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file_lock(file: Path, *, busy: str | None = None) -> Iterator[None]:
    """Hold a lock while the block runs; a process that is killed leaves none behind.

    Args:
        file: The lock's own file, which is made and stays; its folder is made when it is missing.
        busy: What to say where another process holds the lock; without it, the block waits for its turn.

    Raises:
        OSError: The file cannot be made, or another process holds the lock and `busy` is given.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, file_lock(Path(folder, "lock")):
        ...     with file_lock(Path(folder, "lock"), busy="somebody is at work there"):
        ...         pass
        Traceback (most recent call last):
        OSError: somebody is at work there
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        try:
            import fcntl
        except ImportError:  # Windows: two processes at once are then the user's own to avoid
            yield
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
        except BlockingIOError as error:
            raise OSError(busy) from error
        yield
