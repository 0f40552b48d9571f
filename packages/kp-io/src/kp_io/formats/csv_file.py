"""Keypoint tables: a header and one row per frame, for spreadsheets and pandas."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from kp_io.formats.frame_placement import (
    FRAME_NAMES,
    TIME_UNITS,
    Choice,
    Placement,
    choose_rows,
    parse_number,
    place_rows,
)
from kp_io.keypoints.layout import IBUG68, KeypointLayout, check_num_points, get_layout
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.transforms.gaps import interpolate_missing

#: The cells of every column, by its name.
Table = dict[str, list[str]]

_ONLY_ONE = Choice()

#: Columns after the points with the same value in every row. A comment line would hold them once, but spreadsheets and
#: pandas' defaults fail on comments.
_METADATA = ("fps", "image_width", "image_height", "layout", "detector")


def write_csv(path: Path, sequence: KeypointSequence) -> None:
    """Write `frame, time_seconds, x_0 …, y_0 …, (z_0 …,) score_0 …`, then the metadata; floats are stored exactly."""
    height, width = sequence.image_size
    metadata = [str(sequence.fps), str(width), str(height), sequence.layout.name, sequence.detector]
    points = sequence.keypoints.detach().cpu().numpy()
    # (T, K, D) to columns: x of every point, then y, (z,) and score.
    columns = np.hstack([points.transpose(0, 2, 1).reshape(len(points), -1), sequence.scores.cpu().numpy()])
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["frame", "time_seconds", *_value_columns(*points.shape[1:]), *_METADATA])
        for frame, row in enumerate(columns):
            # astype(str) gives the shortest text that restores a float32 exactly.
            writer.writerow([frame, round(frame / sequence.fps, 6), *row.astype(str), *metadata])


def read_table(path: Path) -> Table:
    """Read a comma-separated file with a header, or raise `ValueError`; blank lines are skipped."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file, strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"expected a table of keypoints (.csv) in {path}, got something else: {error}") from error
    if len(rows) < 2:
        raise ValueError(f"expected a header and at least one row in {path}, got {len(rows)} lines")
    header = [name.strip() for name in rows[0]]
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise ValueError(f"expected {len(header)} cells in line {line} of {path}, got {len(row)}; is it cut off?")
    return {name: [row[i] for row in rows[1:]] for i, name in enumerate(header)}


def keypoints_from_table(
    table: Table, image_size: tuple[int, int] | None, choice: Choice = _ONLY_ONE, *, openface: bool = False
) -> KeypointSequence:
    """Convert a table with the columns `x_0 …`, `y_0 …` to keypoints, as `write_csv` or `write_openface` names them.

    Rows stand at their `frame` or `time_seconds` (see `place_rows`). Frames without a row are interpolated and score 0,
    as are rows with `success` 0, without any coordinate, or with a score of 0 and a coordinate that is no number.
    Missing columns have defaults: scores the `confidence`, else 1, the rate that of the times, else 25, layout ibug68,
    and the given `image_size`. With `openface`, frames count from 1, and faces with few rows are skipped.

    Raises:
        ValueError: A column is missing, a cell is not a number, or several faces or clips are in it and none is chosen.
    """
    by_name = {name.lower(): cells for name, cells in table.items() if name[:2].lower() not in ("x_", "y_", "z_")}
    num_rows = len(next(iter(table.values())))
    rows = choose_rows(by_name, num_rows, choice, skip_stray_faces=openface)
    layout = get_layout(table["layout"][rows[0]]) if "layout" in table else IBUG68
    points, scores = _points(table, rows, layout)
    places = _placement(table, rows, by_name, first_number=int(openface))
    lost = ~np.isfinite(points).all(axis=(1, 2)) & (scores.max(axis=1) <= 0) | np.isnan(points).all(axis=(1, 2))
    if "success" in by_name:
        lost |= ~(float64_column(by_name, "success", rows) > 0)
    scores[lost] = 0
    measured = np.zeros(places.total, bool)
    measured[places.frames] = ~lost[places.rows]
    if not measured.any():
        raise ValueError("expected at least one row with success 1 and points, got none: no frame shows a face")
    all_points = np.zeros((places.total, *points.shape[1:]), np.float32)
    all_scores = np.zeros(all_points.shape[:2], np.float32)
    all_points[places.frames], all_scores[places.frames] = points[places.rows], scores[places.rows]
    keypoints = torch.from_numpy(all_points)
    return KeypointSequence(
        keypoints if measured.all() else interpolate_missing(keypoints, torch.from_numpy(measured)),
        torch.from_numpy(all_scores),
        fps=places.fps,
        image_size=_size_in_table(table, rows, image_size),
        layout=layout,
        detector=table["detector"][rows[0]] if "detector" in table else "OpenFace" if openface else "unknown",
    )


def _points(table: Table, rows: list[int], layout: KeypointLayout) -> tuple[np.ndarray, np.ndarray]:
    """Return the points `(T, K, D)` and scores `(T, K)` of the rows; NaN where a cell is empty."""
    count, dimensions = layout.num_keypoints, 3 if "z_0" in table else 2
    numbered = [int(name[2:]) for name in table if name.startswith("x_") and name[2:].isdecimal()]
    if numbered:
        check_num_points(max(numbered) + 1, layout, "the columns x_0 …")
    names = _value_columns(count, dimensions)
    score_names, names = names[count * dimensions :], names[: count * dimensions]
    require_columns(table, names, expected=f"x_0 … y_{count - 1}")
    points = float32_columns(table, names, rows).reshape(-1, dimensions, count).transpose(0, 2, 1)
    if "score_0" in table:
        require_columns(table, score_names, expected=f"score_0 … score_{count - 1}")
        scores = float32_columns(table, score_names, rows)
    elif "confidence" in table:
        scores = np.repeat(float32_columns(table, ["confidence"], rows).clip(0, 1), count, axis=1)
    else:
        scores = np.ones(points.shape[:2], np.float32)
    # A frame that was lost has no score; in others, a missing one is an error.
    scores[np.isnan(scores).all(axis=1)] = 0
    return points, scores


def _placement(table: Table, rows: list[int], by_name: Table, *, first_number: int) -> Placement:
    number = next((name for name in FRAME_NAMES if name in by_name), None)
    time = next((name for name in TIME_UNITS if name in by_name), None)
    return place_rows(
        len(rows),
        numbers=None if number is None else float64_column(by_name, number, rows),
        times=None if time is None else float64_column(by_name, time, rows) * TIME_UNITS[time],
        fps=float(float64_column(table, "fps", rows)[0]) if "fps" in table else None,
        first_number=first_number,
        names=(f"column {number}", f"column {time}"),
    )


def require_columns(table: Table, names: list[str], *, expected: str) -> None:
    """Raise `ValueError` with the first missing names, unless the table has all columns."""
    missing = [name for name in names if name not in table]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise ValueError(f"expected the columns {expected}, missing {', '.join(missing[:3])}{more}")


def float64_column(table: Table, name: str, rows: Sequence[int]) -> np.ndarray:
    """Return the cells of some rows as float64, NaN for empty ones and for "nan" as any tool spells it.

    Raises:
        ValueError: A cell is something else; the error tells its line.

    Example:
        >>> float64_column({"x_0": ["1.5", "-2e1", "-nan(ind)"]}, "x_0", [0, 1, 2])
        array([  1.5, -20. ,   nan])
    """
    cells = table[name]
    try:
        return np.array([cells[row] for row in rows], np.float64)
    except ValueError:
        return np.array([_number(cells[row], name, row + 2) for row in rows])


def _number(cell: str, name: str, line: int) -> float:
    try:
        return parse_number(cell)
    except ValueError:
        raise ValueError(f"expected a number in column {name} of line {line}, got {cell!r}") from None


def float32_columns(table: Table, names: list[str], rows: Sequence[int]) -> Float32[np.ndarray, "t n"]:
    """Return several columns as float32; values out of range become infinite, which `KeypointSequence` rejects."""
    with np.errstate(over="ignore"):
        return np.stack([float64_column(table, name, rows) for name in names], axis=1).astype(np.float32)


def _size_in_table(table: Table, rows: list[int], image_size: tuple[int, int] | None) -> tuple[int, int]:
    """Return height and width from the columns, or else the given ones, or raise `ValueError`."""
    if "image_height" in table and "image_width" in table:
        height, width = (float(float64_column(table, name, rows[:1])[0]) for name in ("image_height", "image_width"))
        if not (height.is_integer() and width.is_integer()):
            raise ValueError(f"expected whole numbers as image_height and image_width, got {height} and {width}")
        return int(height), int(width)
    if image_size is None:
        raise ValueError("it has no columns image_height and image_width; pass image_size=(height, width)")
    return image_size


def _value_columns(count: int, dimensions: int) -> list[str]:
    return [f"{axis}_{i}" for axis in (*"xyz"[:dimensions], "score") for i in range(count)]
