"""Where the results of every visitor lie while they are looked at: each in a folder that lives until the next one."""

import shutil
import tempfile
import threading
from pathlib import Path


class ResultFolders:
    """Gives every visitor one folder at a time below `root`.

    Example:
        >>> with tempfile.TemporaryDirectory() as root:
        ...     folders = ResultFolders(Path(root))
        ...     first, second = folders.renew("anna"), folders.renew("anna")
        ...     first.exists(), second.exists()
        (False, True)
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders: dict[str, Path] = {}
        self._lock = threading.Lock()

    def renew(self, visitor: str) -> Path:
        """Remove the visitor's results and return a new, empty folder for the next ones."""
        self.drop(visitor)
        folder = Path(tempfile.mkdtemp(prefix="result-", dir=self._root))
        with self._lock:
            self._folders[visitor] = folder
        return folder

    def drop(self, visitor: str) -> None:
        """Remove the visitor's results, if there are any."""
        with self._lock:
            folder = self._folders.pop(visitor, None)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
