"""Read tables of keypoints, one row per frame, as kp-io does, with any number of points."""

import csv
from pathlib import Path

import numpy as np
import torch

from kp_metrics.files.frame_placement import (
    FRAME_NAMES,
    TIME_UNITS,
    Choice,
    NothingToChooseError,
    choose_rows,
    parse_number,
    place_rows,
)
from kp_metrics.files.gaps import interpolate_missing
from kp_metrics.files.keypoint_file import KeypointFile, known_size

_Table = dict[str, list[str]]


def read_csv(path: str | Path, choice: Choice = Choice()) -> KeypointFile:  # noqa: B008 - it is immutable
    """Read columns `x_0…, y_0…[, z_0…][, score_0…]`, one line per frame, at its `frame` or `time_seconds`.

    OpenFace's columns are read too. Frames without a line, or lost ones (`success` 0, or a score of 0 and no number),
    are interpolated and not valid.

    Raises:
        ValueError: Columns are missing, lines differ in length, a cell is not a number, or the table holds several
            faces or clips and none is chosen.
    """
    path = Path(path)
    table = _read_table(path)
    try:
        return _keypoints(table, choice, openface=path.name.lower().endswith(".openface.csv") or _is_openface(table))
    except NothingToChooseError:
        raise
    except ValueError as error:
        raise ValueError(f"{path} is no valid table of keypoints: {error}") from error


def _read_table(path: Path) -> _Table:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file, strict=True)
            head = [name.strip() for name in next(lines, [])]
            rows = [row for row in lines if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"expected a table of keypoints (.csv) in {path}, got something else: {error}") from error
    if not {"x_0", "y_0"} <= set(head) or not rows:
        raise ValueError(f"expected columns x_0…, y_0… and a line for each frame in {path}, got {len(rows)} lines")
    if any(len(row) != len(head) for row in rows):
        raise ValueError(f"expected {len(head)} cells in each line of {path}, got lines of different lengths")
    return {name: [row[column] for row in rows] for column, name in enumerate(head)}


def _is_openface(table: _Table) -> bool:
    return "confidence" in table and "success" in table


def _keypoints(table: _Table, choice: Choice, *, openface: bool) -> KeypointFile:
    by_name = {name.lower(): cells for name, cells in table.items() if name[:2].lower() not in ("x_", "y_", "z_")}
    rows = choose_rows(by_name, len(table["x_0"]), choice, skip_stray_faces=openface)
    number = next((name for name in FRAME_NAMES if name in by_name), None)
    time = next((name for name in TIME_UNITS if name in by_name), None)
    stated = float(_columns(table, ["fps"], rows)[0, 0]) if "fps" in table else None
    places = place_rows(
        len(rows),
        numbers=None if number is None else _columns(by_name, [number], rows)[:, 0],
        times=None if time is None else _columns(by_name, [time], rows)[:, 0] * TIME_UNITS[time],
        fps=stated,
        first_number=int(openface),
        names=(f"column {number}", f"column {time}"),
    )
    points, scores = _points(table, rows)
    if (np.abs(points[np.isfinite(points)]) > np.finfo(np.float32).max).any():
        raise ValueError(f"expected coordinates up to {np.finfo(np.float32).max:.3g}, got larger ones")
    lost = ~np.isfinite(points).all(axis=(1, 2)) & (scores.max(axis=1) <= 0) | np.isnan(points).all(axis=(1, 2))
    if "success" in by_name:
        lost |= ~(_columns(by_name, ["success"], rows)[:, 0] > 0)
    measured = np.zeros(places.total, bool)
    measured[places.frames] = ~lost[places.rows]
    if not measured.any():
        raise ValueError("expected at least one row with success 1 and points, got none: no frame shows a face")
    all_points = np.zeros((places.total, *points.shape[1:]), np.float32)
    valid = np.zeros(all_points.shape[:2], bool)
    all_points[places.frames] = points[places.rows]
    valid[places.frames] = (scores[places.rows] > 0) & ~lost[places.rows, None]
    keypoints = torch.from_numpy(all_points)
    return KeypointFile(
        keypoints if measured.all() else interpolate_missing(keypoints, torch.from_numpy(measured)),
        torch.from_numpy(valid),
        fps=None if stated is None and (time is None or len(rows) == 1) else places.fps,
        layout=table["layout"][rows[0]] if "layout" in table else "",
        image_size=known_size(*(table[name][rows[0]] for name in ("image_height", "image_width") if name in table)),
    )


def _points(table: _Table, rows: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the points `(T, K, D)` and scores `(T, K)` of the rows; NaN where a cell is empty."""
    axes = "xyz" if "z_0" in table else "xy"
    count = max(int(name[2:]) for name in table if name.startswith("x_") and name[2:].isdecimal()) + 1
    names = [f"{axis}_{i}" for axis in axes for i in range(count)]
    score_names = [f"score_{i}" for i in range(count)] if "score_0" in table else []
    missing = [name for name in (*names, *score_names) if name not in table]
    if missing:
        raise ValueError(f"expected {len(axes)} × {count} coordinate columns, got no column {missing[0]}")
    points = _columns(table, names, rows).reshape(len(rows), len(axes), count).transpose(0, 2, 1)
    if score_names:
        scores = _columns(table, score_names, rows)
    elif "confidence" in table:
        scores = np.repeat(_columns(table, ["confidence"], rows), count, axis=1)
    else:
        scores = np.ones(points.shape[:2])
    scores[np.isnan(scores).all(axis=1)] = 0
    return points, scores


def _columns(table: _Table, names: list[str], rows: list[int]) -> np.ndarray:
    """Return the cells `(T, names)` as float64, NaN for empty ones."""
    try:
        return np.array([[table[name][row] for name in names] for row in rows], np.float64)
    except ValueError:
        pass
    try:
        return np.array([[parse_number(table[name][row]) for name in names] for row in rows])
    except ValueError as error:
        raise ValueError(f"expected numbers in {names[0]} …: {error}") from None
