"""Keypoints in and out of files: one table of formats, chosen by suffix."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kp_io.atomic import atomic_path
from kp_io.csv_format import read_csv, write_csv
from kp_io.npz_format import read_npz, write_npz
from kp_io.sequence import KeypointSequence

__all__ = ["FORMATS", "KeypointFormat", "load_keypoints", "save_keypoints"]


@dataclass(frozen=True, slots=True)
class KeypointFormat:
    """How keypoints become a file and come back.

    Attributes:
        read: Takes the path and, for files that do not hold it, the image size; raises `ValueError`.
        write: Takes the path and the keypoints.
        description: One line for tables.
    """

    read: Callable[[Path, tuple[int, int] | None], KeypointSequence]
    write: Callable[[Path, KeypointSequence], None]
    description: str


#: Every format, by suffix.
FORMATS: dict[str, KeypointFormat] = {
    ".npz": KeypointFormat(read_npz, write_npz, "NumPy arrays, everything exact: the native format"),
    ".csv": KeypointFormat(read_csv, write_csv, "one row a frame, for spreadsheets and pandas"),
}


def save_keypoints(path: str | os.PathLike[str], sequence: KeypointSequence) -> None:
    """Write keypoints in the format that the suffix names, whole or not at all; a missing folder is made.

    Raises:
        ValueError: No format belongs to the suffix.
        OSError: The folder cannot be written.

    Example:
        >>> import tempfile, torch
        >>> still = KeypointSequence(torch.zeros(1, 68, 2), image_size=(224, 224), detector="by hand")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_keypoints(Path(folder, "face.csv"), still)
        ...     load_keypoints(Path(folder, "face.csv"))
        KeypointSequence(keypoints (1, 68, 2), 0.04 s at 25 fps, image 224×224, ibug68, detector 'by hand')
    """
    file_format = _format_of(Path(path))
    with atomic_path(path) as temporary:
        file_format.write(temporary, sequence)


def load_keypoints(path: str | os.PathLike[str], *, image_size: tuple[int, int] | None = None) -> KeypointSequence:
    """Read keypoints in the format that the suffix names.

    Args:
        path: The file.
        image_size: Height and width of the video, for files that do not say; a file that does say is believed.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: No format belongs to the suffix, or the file is damaged, of another kind or of another version.
    """
    source = Path(path)
    file_format = _format_of(source)
    if not source.is_file():
        raise FileNotFoundError(f"expected a keypoint file, found no file {source}")
    return file_format.read(source, image_size)


def _format_of(path: Path) -> KeypointFormat:
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise ValueError(f"expected a keypoint file ending in {' or '.join(FORMATS)}, got {path}") from None
