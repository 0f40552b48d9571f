"""Keypoint tables: a header and one row per frame, for spreadsheets and pandas."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from kp_io.keypoints.layout import IBUG68, get_layout
from kp_io.keypoints.sequence import KeypointSequence

#: The cells of every column, by its name.
Table = dict[str, list[str]]

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


def keypoints_from_table(table: Table, image_size: tuple[int, int] | None) -> KeypointSequence:
    """Convert a table of `write_csv`, or another one with its columns `x_0 …`, `y_0 …`, to keypoints.

    Missing columns have defaults: scores 1, fps from `time_seconds` (25 without it, or for one frame), layout ibug68,
    and the given `image_size`. A `ValueError` names the missing column, or the line of a cell that is not a number.
    """
    layout = get_layout(table["layout"][0]) if "layout" in table else IBUG68
    count = layout.num_keypoints
    dimensions = 3 if "z_0" in table else 2
    names = _value_columns(count, dimensions)
    if "score_0" not in table:
        names = names[: count * dimensions]
    require_columns(table, names, expected=f"x_0 … y_{count - 1}")
    values = float32_columns(table, names)
    points = values[:, : count * dimensions].reshape(-1, dimensions, count).transpose(0, 2, 1)
    scores = values[:, count * dimensions :] if "score_0" in table else np.ones(points.shape[:2], np.float32)
    return KeypointSequence(
        torch.from_numpy(points.copy()),
        torch.from_numpy(scores.copy()),
        fps=fps_in_table(table, "time_seconds", num_steps=len(points) - 1),
        image_size=size_in_table(table, image_size),
        layout=layout,
        detector=table["detector"][0] if "detector" in table else "unknown",
    )


def require_columns(table: Table, names: list[str], *, expected: str) -> None:
    """Raise `ValueError` with the first missing names, unless the table has all columns."""
    missing = [name for name in names if name not in table]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise ValueError(f"expected the columns {expected}, missing {', '.join(missing[:3])}{more}")


def float64_column(table: Table, name: str) -> np.ndarray:
    """Return a column as float64, or raise `ValueError` with the line of the first cell that is not a number.

    Example:
        >>> float64_column({"x_0": ["1.5", "-2e1"]}, "x_0")
        array([  1.5, -20. ])
    """
    try:
        return np.array(table[name], np.float64)
    except ValueError:
        line, cell = next((i, cell) for i, cell in enumerate(table[name], start=2) if not _is_number(cell))
        raise ValueError(f"expected a number in column {name} of line {line}, got {cell!r}") from None


def float32_columns(table: Table, names: list[str]) -> Float32[np.ndarray, "t n"]:
    """Return several columns as float32; values out of range become infinite, which `KeypointSequence` rejects."""
    with np.errstate(over="ignore"):
        return np.stack([float64_column(table, name) for name in names], axis=1).astype(np.float32)


def size_in_table(table: Table, image_size: tuple[int, int] | None) -> tuple[int, int]:
    """Return height and width from the columns, or else the given ones, or raise `ValueError`."""
    if "image_height" in table and "image_width" in table:
        height, width = (float(float64_column(table, name)[0]) for name in ("image_height", "image_width"))
        if not (height.is_integer() and width.is_integer()):
            raise ValueError(f"expected whole numbers as image_height and image_width, got {height} and {width}")
        return int(height), int(width)
    if image_size is None:
        raise ValueError("it has no columns image_height and image_width; pass image_size=(height, width)")
    return image_size


def fps_in_table(table: Table, time_column: str, *, num_steps: int, common_rates: Sequence[float] = ()) -> float:
    """Return the frame rate from the column `fps`, or else from the times of the first and last row; 25 without both.

    The times, in seconds, are `num_steps` frames apart. One of `common_rates` is preferred to the computed rate if it
    explains the duration to a millisecond.
    """
    if "fps" in table:
        return float(float64_column(table, "fps")[0])
    if time_column not in table or num_steps < 1:
        return 25.0
    times = float64_column(table, time_column)
    seconds = float(times[-1] - times[0])
    if not seconds > 0:
        raise ValueError(f"expected a column {time_column} that grows from row to row")
    fitting = [rate for rate in common_rates if abs(num_steps / rate - seconds) <= 0.001]
    # Times are rounded to a few digits, so the rate is computed over the whole length and rounded as well.
    return min(fitting, key=lambda rate: abs(num_steps / rate - seconds), default=round(num_steps / seconds, 3))


def _value_columns(count: int, dimensions: int) -> list[str]:
    return [f"{axis}_{i}" for axis in (*"xyz"[:dimensions], "score") for i in range(count)]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
