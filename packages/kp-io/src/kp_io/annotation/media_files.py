"""Decide which files of a folder are videos or pictures, and report those that are passed over."""

import logging
from collections import Counter
from functools import lru_cache
from pathlib import Path

from kp_io.media.image import IMAGE_SUFFIXES
from kp_io.media.still import is_video
from kp_io.media.video_reader import VIDEO_SUFFIXES

logger = logging.getLogger(__name__)

# Files that are not opened to see whether they are videos. A playlist could name files elsewhere.
_TEXT = {".csv", ".html", ".ini", ".json", ".jsonl", ".log", ".md", ".pdf", ".py", ".toml", ".tsv", ".txt", ".xml"}
_DATA = {".arrow", ".gz", ".npy", ".npz", ".parquet", ".pt", ".pts", ".safetensors", ".yaml", ".yml", ".zip"}
_SOUND = {".aac", ".aif", ".aiff", ".flac", ".m4a", ".mp3", ".opus", ".wav"}
_PICTURES = {".avif", ".heic", ".heif", ".svg"}
_PLAYLISTS = {".ass", ".ffconcat", ".m3u", ".m3u8", ".sdp", ".srt", ".vtt"}
_OTHER_SUFFIXES = frozenset(_TEXT | _DATA | _SOUND | _PICTURES | _PLAYLISTS | IMAGE_SUFFIXES)

#: Largest number of passed-over files that are named; the others are counted.
_MAX_NAMED = 10


def is_video_file(path: Path) -> bool:
    """Return whether a file of a folder counts as a video: by its suffix if that is known, else by its content.

    A broken file with the suffix of a video counts, so that its failure is reported.

    Example:
        >>> is_video_file(Path("talk.m2ts")), is_video_file(Path("talk.txt"))
        (True, False)
    """
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return True
    if suffix in _OTHER_SUFFIXES:
        return False
    try:
        state = path.stat()
    except OSError:
        return False
    return _is_video(path, state.st_size, state.st_mtime_ns)


def is_image_file(path: Path) -> bool:
    """Return whether a file of a folder counts as a picture: by its suffix."""
    return path.suffix.lower() in IMAGE_SUFFIXES


class PassedOver:
    """The files of a folder that are passed over: their number, and the names of the first ones.

    Args:
        expected: What was searched for, such as `videos`.
    """

    def __init__(self, expected: str) -> None:
        self._expected = expected
        self._names: list[str] = []
        self._suffixes: Counter[str] = Counter()

    def add(self, name: str, *, is_folder: bool = False) -> None:
        """Count a file, or a folder that is a link and therefore not searched."""
        if len(self._names) < _MAX_NAMED:
            self._names.append(f"{name}/ (a linked folder)" if is_folder else name)
        self._suffixes["folders" if is_folder else Path(name).suffix.lower() or "without a suffix"] += 1

    def __str__(self) -> str:
        """Name the first files and count the others, by suffix.

        Example:
            >>> passed_over = PassedOver("videos")
            >>> passed_over.add("notes.txt")
            >>> print(passed_over)
            1 file that is no video: notes.txt
        """
        count = self._suffixes.total()
        kinds = ", ".join(f"{number} {suffix}" for suffix, number in self._suffixes.most_common(_MAX_NAMED))
        others = f" and {count - len(self._names)} more ({kinds})" if count > len(self._names) else ""
        singular = self._expected.replace("videos", "video").replace("pictures", "picture")
        what = f"1 file that is no {singular}" if count == 1 else f"{count} files that are no {self._expected}"
        return f"{what}: {', '.join(self._names)}{others}"

    def __bool__(self) -> bool:
        return bool(self._names)

    def report(self, folder: Path) -> None:
        """Log a warning if there is any."""
        if self:
            logger.warning("passed over in %s: %s", folder, self)


@lru_cache(maxsize=10_000)  # a build reads its folder several times
def _is_video(path: Path, size: int, changed: int) -> bool:
    del changed
    return size > 0 and is_video(path)
