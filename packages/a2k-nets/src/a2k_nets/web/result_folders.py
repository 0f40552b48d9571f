"""Temporary result folders of the web page's visitors."""

import shutil
import tempfile
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
        self._folders: dict[str, Path] = {}  # needs no lock: each operation below is atomic

    def renew(self, visitor: str) -> Path:
        """Remove the visitor's results and return a new, empty folder."""
        self.discard(visitor)
        self._folders[visitor] = folder = Path(tempfile.mkdtemp(prefix="result-", dir=self._root))
        return folder

    def discard(self, visitor: str) -> None:
        """Remove the visitor's results, if there are any."""
        if folder := self._folders.pop(visitor, None):
            shutil.rmtree(folder, ignore_errors=True)
