"""Keypoints as a table in OpenFace's naming, for the scripts that were written for that program's output."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from kp_io.formats.csv_table import Table, coordinates, numbers, read_table, require_columns, size_in_table
from kp_io.keypoints.layout import IBUG68
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.transforms import interpolate_missing

_LEADING = ("frame", "face_id", "timestamp", "confidence", "success")
_POINTS = [f"{axis}_{i}" for axis in "xy" for i in range(IBUG68.num_keypoints)]

#: What OpenFace does not write; its readers pick columns by name and pass over these.
_METADATA = ("fps", "image_width", "image_height", "detector")

#: Rates that timestamps of three digits are taken to mean when they fit.
_COMMON_RATES = (25.0, 30.0, 30000 / 1001, 24.0, 24000 / 1001, 50.0, 60.0, 60000 / 1001, 15.0)

#: More frame numbers than rows times this are damage, not frames in which no face was found.
_MAX_FRAMES_PER_ROW = 1000


def write_openface(path: Path, sequence: KeypointSequence) -> None:
    """Write `frame` (from 1), `face_id`, `timestamp`, `confidence`, `success`, `x_0 …`, `y_0 …`, then the metadata.

    The format has one confidence a frame, the mean of the scores; frames without any score have `success` 0. A third
    coordinate has no column: OpenFace's own `Z_…` are millimetres.
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


def read_openface(path: Path, image_size: tuple[int, int] | None = None) -> KeypointSequence:
    """Read a table of OpenFace or of `write_openface`; see `openface_from_table`.

    Raises:
        ValueError: A column is missing, a cell is no number, or the image size is unknown.
    """
    table = read_table(path)
    try:
        return openface_from_table(table, image_size)
    except ValueError as error:
        raise ValueError(f"{path} is no valid table of OpenFace: {error}") from error


def is_openface(table: Table) -> bool:
    """Tell whether a table's columns are named as OpenFace does it."""
    return "confidence" in table and "success" in table


def openface_from_table(table: Table, image_size: tuple[int, int] | None) -> KeypointSequence:
    """Turn OpenFace's columns into keypoints.

    Frames without success, and numbers that are left out, are interpolated and have scores of 0; the others have the
    confidence as the score of every point. Of several faces the one with the most rows is taken. fps follows from
    `timestamp` where there is no such column, 25 where there is neither.

    Raises:
        ValueError: A column is missing, a cell is no number, no row has success, or the image size is unknown.
    """
    require_columns(table, [*_POINTS, "confidence", "success"], expected="confidence, success, x_0 … y_67")
    if "face_id" in table:
        most = Counter(table["face_id"]).most_common(1)[0][0]
        table = {
            name: [c for c, f in zip(cells, table["face_id"], strict=True) if f == most]
            for name, cells in table.items()
        }
    rows = len(table["success"])
    frames = numbers(table, "frame") if "frame" in table else np.arange(1.0, rows + 1)
    if not np.isfinite(frames).all() or (frames != frames.round()).any() or (np.diff(frames) <= 0).any():
        raise ValueError("expected whole numbers in column frame that grow from row to row")
    total = int(frames[-1] - frames[0]) + 1
    if total > rows * _MAX_FRAMES_PER_ROW:
        raise ValueError(f"expected about as many frames as rows, got frame numbers over {total} frames in {rows} rows")
    measured = np.zeros(total, bool)
    confidence = np.zeros((total, IBUG68.num_keypoints), np.float32)
    points = np.zeros((total, IBUG68.num_keypoints, 2), np.float32)
    place = (frames - frames[0]).astype(np.int64)
    points[place] = coordinates(table, _POINTS).reshape(rows, 2, -1).transpose(0, 2, 1)
    confidence[place] = coordinates(table, ["confidence"]).clip(0, 1)
    measured[place] = numbers(table, "success") > 0
    if not measured.any():
        raise ValueError("expected at least one row with success 1, got none: no frame shows a face")
    return KeypointSequence(
        interpolate_missing(torch.from_numpy(points), torch.from_numpy(measured)),
        torch.from_numpy(confidence * measured[:, None]),
        fps=_fps(table, frames),
        image_size=size_in_table(table, image_size),
        detector=table["detector"][0] if "detector" in table else "OpenFace",
    )


def _fps(table: Table, frames: np.ndarray) -> float:
    if "fps" in table:
        return float(numbers(table, "fps")[0])
    if "timestamp" not in table or len(frames) < 2:
        return 25.0
    times = numbers(table, "timestamp")
    seconds, count = float(times[-1] - times[0]), float(frames[-1] - frames[0])
    if not seconds > 0:
        raise ValueError("expected a timestamp that grows from row to row")
    # OpenFace writes milliseconds, so a rate is right when it explains the length to one of them.
    fitting = [rate for rate in _COMMON_RATES if abs(count / rate - seconds) <= 0.001]
    return min(fitting, key=lambda rate: abs(count / rate - seconds), default=round(count / seconds, 3))
