"""Keypoint tables with OpenFace's column names, for scripts that read the output of that program."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from kp_io.formats.csv_file import Table, float32_columns, float64_column, fps_in_table, require_columns, size_in_table
from kp_io.keypoints.layout import IBUG68
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.transforms.gaps import interpolate_missing

_LEADING = ("frame", "face_id", "timestamp", "confidence", "success")
_POINTS = [f"{axis}_{i}" for axis in "xy" for i in range(IBUG68.num_keypoints)]

#: Columns that OpenFace does not write; scripts for it select columns by name and ignore these.
_METADATA = ("fps", "image_width", "image_height", "detector")

#: Rates to choose from, because OpenFace rounds timestamps to milliseconds.
_COMMON_RATES = (25.0, 30.0, 30000 / 1001, 24.0, 24000 / 1001, 50.0, 60.0, 60000 / 1001, 15.0)

#: More frames per row than this mean a damaged file, not frames without a face.
_MAX_FRAMES_PER_ROW = 1000


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


def openface_from_table(table: Table, image_size: tuple[int, int] | None) -> KeypointSequence:
    """Convert OpenFace's columns to keypoints.

    Frames without success and skipped frame numbers are interpolated and get scores of 0; in other frames the
    confidence is the score of every point. Of several faces, the one with the most rows is used. Without a column `fps`
    the rate follows from `timestamp`; without both it is 25. Raises `ValueError` if a column is missing, a cell is not
    a number, no row has success, or the image size is unknown.
    """
    require_columns(table, [*_POINTS, "confidence", "success"], expected="confidence, success, x_0 … y_67")
    if "face_id" in table:
        largest = Counter(table["face_id"]).most_common(1)[0][0]
        chosen = [row for row, face in enumerate(table["face_id"]) if face == largest]
        table = {name: [cells[row] for row in chosen] for name, cells in table.items()}
    rows = len(table["success"])
    frames = float64_column(table, "frame") if "frame" in table else np.arange(1.0, rows + 1)
    if not np.isfinite(frames).all() or (frames != frames.round()).any() or (np.diff(frames) <= 0).any():
        raise ValueError("expected whole numbers in column frame that grow from row to row")
    total = int(frames[-1] - frames[0]) + 1
    if total > rows * _MAX_FRAMES_PER_ROW:
        raise ValueError(f"expected about as many frames as rows, got frame numbers over {total} frames in {rows} rows")
    measured = np.zeros(total, bool)
    confidence = np.zeros((total, IBUG68.num_keypoints), np.float32)
    points = np.zeros((total, IBUG68.num_keypoints, 2), np.float32)
    index = (frames - frames[0]).astype(np.int64)
    points[index] = float32_columns(table, _POINTS).reshape(rows, 2, -1).transpose(0, 2, 1)
    confidence[index] = float32_columns(table, ["confidence"]).clip(0, 1)
    measured[index] = float64_column(table, "success") > 0
    if not measured.any():
        raise ValueError("expected at least one row with success 1, got none: no frame shows a face")
    return KeypointSequence(
        interpolate_missing(torch.from_numpy(points), torch.from_numpy(measured)),
        torch.from_numpy(confidence * measured[:, None]),
        fps=fps_in_table(table, "timestamp", num_steps=total - 1, common_rates=_COMMON_RATES),
        image_size=size_in_table(table, image_size),
        detector=table["detector"][0] if "detector" in table else "OpenFace",
    )
