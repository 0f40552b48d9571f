"""Keypoint tables with OpenFace's column names, for scripts that read the output of that program."""

import csv
from pathlib import Path

from kp_io.formats.csv_file import Table, keypoints_from_table, require_columns
from kp_io.formats.frame_placement import Choice
from kp_io.keypoints.layout import IBUG68
from kp_io.keypoints.sequence import KeypointSequence

_LEADING = ("frame", "face_id", "timestamp", "confidence", "success")
_POINTS = [f"{axis}_{i}" for axis in "xy" for i in range(IBUG68.num_keypoints)]

#: Columns that OpenFace does not write; scripts for it select columns by name and ignore these.
_METADATA = ("fps", "image_width", "image_height", "detector")


def write_openface(path: Path, sequence: KeypointSequence) -> None:
    """Write `frame` (from 1), `face_id`, `timestamp`, `confidence`, `success`, `x_0 …`, `y_0 …`, then the metadata.

    The format has one confidence per frame, the mean score; frames whose scores are all 0 have `success` 0. A third
    coordinate is not written: OpenFace's own `Z_…` are millimetres.
    """
    height, width = sequence.image_size
    metadata = [str(sequence.fps), str(width), str(height), sequence.detector]
    points = sequence.keypoints[..., :2].detach().cpu().numpy()
    columns = points.transpose(0, 2, 1).reshape(len(points), -1).astype(str)
    measured = (sequence.scores.amax(dim=1) > 0).tolist()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*_LEADING, *_POINTS, *_METADATA])
        for frame, confidence in enumerate(sequence.scores.double().mean(dim=1).tolist()):
            leading = [frame + 1, 0, round(frame / sequence.fps, 6), round(confidence, 6), int(measured[frame])]
            writer.writerow([*leading, *columns[frame], *metadata])


def is_openface(table: Table) -> bool:
    """Return whether a table has OpenFace's column names."""
    return "confidence" in table and "success" in table


def openface_from_table(table: Table, image_size: tuple[int, int] | None, choice: Choice) -> KeypointSequence:
    """Convert OpenFace's columns to keypoints; see `keypoints_from_table`.

    Raises:
        ValueError: A column is missing, a cell is not a number, no row has success, the image size is unknown, or
            several faces are in it and none is chosen.
    """
    require_columns(table, [*_POINTS, "confidence"], expected="confidence, success, x_0 … y_67")
    return keypoints_from_table(table, image_size, choice, openface=True)
