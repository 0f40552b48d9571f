"""Load and save keypoint files: a table of formats, chosen by suffix."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from kp_io.filesystem.atomic import atomic_path
from kp_io.formats.coco import coco_from_json, write_coco
from kp_io.formats.csv_file import keypoints_from_table, read_table, write_csv
from kp_io.formats.frame_placement import Choice
from kp_io.formats.frames_json import FRAMES_FORMAT, frames_from_json, write_frames
from kp_io.formats.json_file import load_json
from kp_io.formats.npz import read_npz, write_npz
from kp_io.formats.openface import is_openface, openface_from_table, write_openface
from kp_io.formats.pts import read_pts, write_pts
from kp_io.keypoints.sequence import KeypointSequence


class KeypointFormat(NamedTuple):
    """Reader and writer of a file format; the reader gets the image size for files without it, and what to read."""

    read: Callable[[Path, tuple[int, int] | None, Choice], KeypointSequence]
    write: Callable[[Path, KeypointSequence], None]


def _read_json(path: Path, image_size: tuple[int, int] | None, choice: Choice) -> KeypointSequence:
    """Read COCO or frames JSON, depending on the content."""
    value = load_json(path)
    try:
        if "annotations" in value:
            return coco_from_json(value, image_size, choice)
        if value.get("format") == FRAMES_FORMAT or "frames" in value:
            return frames_from_json(value, image_size, choice)
    except ValueError as error:
        raise ValueError(f"{path} is no valid file of keypoints: {error}") from error
    given = ", ".join(list(value)[:5])
    raise ValueError(f"expected the members images and annotations (COCO), or frames, in {path}, got {given}")


def _read_csv(path: Path, image_size: tuple[int, int] | None, choice: Choice) -> KeypointSequence:
    """Read a table of `write_csv` or of OpenFace, depending on its name and columns."""
    table = read_table(path)
    openface = path.name.lower().endswith(".openface.csv") or is_openface(table)
    convert = openface_from_table if openface else keypoints_from_table
    try:
        return convert(table, image_size, choice)
    except ValueError as error:
        raise ValueError(f"{path} is no valid table of keypoints: {error}") from error


def _of_one_face(
    read: Callable[[Path, tuple[int, int] | None], KeypointSequence],
) -> Callable[[Path, tuple[int, int] | None, Choice], KeypointSequence]:
    """Return a reader of a format that holds one face, which refuses a choice."""

    def read_only_face(path: Path, image_size: tuple[int, int] | None, choice: Choice) -> KeypointSequence:
        if choice != Choice():
            raise ValueError(
                f"expected a .csv or .json (COCO, frames) for a choice of a face, track or image, got {path}, "
                "which holds one face"
            )
        return read(path, image_size)

    return read_only_face


#: All formats, by suffix; a double suffix is a variant, written only on request but recognized when read.
FORMATS: dict[str, KeypointFormat] = {
    ".npz": KeypointFormat(_of_one_face(read_npz), write_npz),  # NumPy arrays, all values exact: the native format
    ".csv": KeypointFormat(_read_csv, write_csv),  # one row per frame, for spreadsheets and pandas
    ".openface.csv": KeypointFormat(_read_csv, write_openface),  # likewise, with OpenFace's column names
    ".json": KeypointFormat(_read_json, write_coco),  # COCO keypoint task
    ".frames.json": KeypointFormat(_read_json, write_frames),  # a list of points per frame, for Blender and Unity
    ".pts": KeypointFormat(_of_one_face(read_pts), write_pts),  # 300-W's text file of one face
}


def save_keypoints(path: str | os.PathLike[str], sequence: KeypointSequence, *, variant: str | None = None) -> None:
    """Write keypoints atomically in the format of the suffix; a missing folder is created.

    `.openface.csv` and `.frames.json` select these variants; `variant="openface"` or `"frames"` does under any name.

    Raises:
        ValueError: The suffix is unknown, or its format cannot hold the sequence (a `.pts` holds one frame).
        OSError: The folder cannot be written.

    Example:
        >>> import tempfile, torch
        >>> still = KeypointSequence(torch.zeros(1, 68, 2), image_size=(224, 224), detector="by hand")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_keypoints(Path(folder, "face.csv"), still)
        ...     load_keypoints(Path(folder, "face.csv"))
        KeypointSequence(keypoints (1, 68, 2), 0.04 s at 25 fps, image 224×224, ibug68, detector 'by hand')
    """
    file_format = _format_of(Path(path), variant)
    with atomic_path(path) as temporary:
        file_format.write(temporary, sequence)


def load_keypoints(
    path: str | os.PathLike[str],
    *,
    image_size: tuple[int, int] | None = None,
    face: str | int | None = None,
    track: str | int | None = None,
    image: str | int | None = None,
) -> KeypointSequence:
    """Read keypoints in the format of the suffix; variants of `.csv` and `.json` are recognized by content.

    Frames stand at their number or time in the file, from the beginning of the video. Those that the file lacks, or
    marks as lost, are interpolated and score 0.

    Args:
        path: The file.
        image_size: Height and width of the video, for files that do not hold it; a size in the file takes precedence.
        face: Which face, if the file holds several: a value of the column `face_id` or such; in a COCO file without
            one, the rank of the face by size in each image, from 0.
        track: Which track, clip or video, if there are several: a value of `track_id`, `clip`, `vid_id` or such.
        image: Which picture to read: its `file_name` or id in a COCO file, a value of the column `image` or such.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The suffix is unknown, the file is damaged, of another kind, version or number of points, or it
            holds several faces, tracks, clips or videos and none is chosen; the error lists them.
    """
    source = Path(path)
    file_format = _format_of(source)
    if not source.is_file():
        raise FileNotFoundError(f"expected a keypoint file, found no file {source}")
    return file_format.read(source, image_size, Choice(face, track, image))


def _format_of(path: Path, variant: str | None = None) -> KeypointFormat:
    suffix = path.suffix.lower()
    if path.with_suffix("").suffix.lower() == ".arkit":
        # Otherwise keypoints would come out under the name of blend shapes.
        raise ValueError(f"expected a keypoint file, got {path}, a name of blend shapes; `kp-io convert` writes these")
    variants = [name.removesuffix(suffix)[1:] for name in FORMATS if name.endswith(suffix) and name != suffix]
    if variant is not None and variant not in variants:
        raise ValueError(f"expected a variant out of {', '.join(variants) or 'none'} for {path}, got {variant!r}")
    double = f".{variant}{suffix}" if variant else "".join(path.suffixes[-2:]).lower()
    file_format = FORMATS.get(double, FORMATS.get(suffix))
    if file_format is None:
        single = [name for name in FORMATS if name.count(".") == 1]
        raise ValueError(f"expected a keypoint file ending in {', '.join(single[:-1])} or {single[-1]}, got {path}")
    return file_format
