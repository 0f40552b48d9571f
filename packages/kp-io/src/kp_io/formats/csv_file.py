"""Keypoints as a table: a plain header and one row a frame, for spreadsheets and pandas."""

import csv
from pathlib import Path

import numpy as np
import torch

from kp_io.formats.csv_table import Table, coordinates, numbers, read_table, require_columns, size_in_table
from kp_io.formats.openface import is_openface, openface_from_table
from kp_io.keypoints.layout import IBUG68, get_layout
from kp_io.keypoints.sequence import KeypointSequence

#: Columns after the points that say the same in every row. A comment line would hold them once, but spreadsheets and
#: pandas' defaults stumble over comments.
_METADATA = ("fps", "image_width", "image_height", "layout", "detector")


def write_csv(path: Path, sequence: KeypointSequence) -> None:
    """Write `frame, time_seconds, x_0 …, y_0 …, (z_0 …,) score_0 …`, then the metadata; floats come back exact."""
    height, width = sequence.image_size
    metadata = [str(sequence.fps), str(width), str(height), sequence.layout.name, sequence.detector]
    points = sequence.keypoints.detach().cpu().numpy()
    # (T, K, D) to columns x of every point, then y, (z,) and score. NumPy writes a float32 as short as is exact.
    columns = np.concatenate(
        [points.transpose(0, 2, 1).reshape(len(points), -1), sequence.scores.cpu().numpy()], axis=1
    )
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["frame", "time_seconds", *_value_columns(*points.shape[1:]), *_METADATA])
        for frame, row in enumerate(columns):
            writer.writerow([frame, round(frame / sequence.fps, 6), *row.astype(str), *metadata])


def read_csv(path: Path, image_size: tuple[int, int] | None = None) -> KeypointSequence:
    """Read a table of `write_csv`, of OpenFace, or another one with its `frame` and `x_0 …`, `y_0 …` columns.

    Where the columns are missing, scores are 1, fps follows from `time_seconds` (25 without it, or with one frame), the
    layout is ibug68, and `image_size` is the one given.

    Raises:
        ValueError: A column is missing, a cell is no number, or the image size is unknown; the message has the line.
    """
    table = read_table(path)
    try:
        return openface_from_table(table, image_size) if is_openface(table) else _from_table(table, image_size)
    except ValueError as error:
        raise ValueError(f"{path} is no valid table of keypoints: {error}") from error


def _from_table(table: Table, image_size: tuple[int, int] | None) -> KeypointSequence:
    layout = get_layout(table["layout"][0]) if "layout" in table else IBUG68
    count = layout.num_keypoints
    dimensions = 3 if "z_0" in table else 2
    names = _value_columns(count, dimensions)
    if "score_0" not in table:
        names = names[: count * dimensions]
    require_columns(table, names, expected=f"x_0 … y_{count - 1}")
    values = coordinates(table, names)
    points = values[:, : count * dimensions].reshape(-1, dimensions, count).transpose(0, 2, 1)
    scores = values[:, count * dimensions :] if "score_0" in table else np.ones(points.shape[:2], np.float32)
    return KeypointSequence(
        torch.from_numpy(points.copy()),
        torch.from_numpy(scores.copy()),
        fps=_fps(table),
        image_size=size_in_table(table, image_size),
        layout=layout,
        detector=table["detector"][0] if "detector" in table else "unknown",
    )


def _fps(table: Table) -> float:
    if "fps" in table:
        return float(numbers(table, "fps")[0])
    if "time_seconds" not in table or len(table["time_seconds"]) < 2:
        return 25.0
    times = numbers(table, "time_seconds")
    if times[-1] <= times[0]:
        raise ValueError("expected time_seconds that grows from row to row")
    # Times are rounded to a few digits, so the rate is taken over the whole length and rounded as well.
    return round((len(times) - 1) / float(times[-1] - times[0]), 3)


def _value_columns(count: int, dimensions: int) -> list[str]:
    return [f"{axis}_{i}" for axis in (*"xyz"[:dimensions], "score") for i in range(count)]
