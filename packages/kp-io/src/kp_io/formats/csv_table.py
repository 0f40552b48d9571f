"""Tables of text cells with a header line, and the errors that say which cell is wrong."""

import csv
from pathlib import Path

import numpy as np
from jaxtyping import Float32

#: The cells of every column, by its name.
Table = dict[str, list[str]]


def read_table(path: Path) -> Table:
    """Read a comma-separated file with a header; names are stripped, blank lines are skipped.

    Raises:
        ValueError: The file is no such table, has no row under the header, or a row is longer or shorter than it.
    """
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


def require_columns(table: Table, names: list[str], *, expected: str) -> None:
    """Raise `ValueError` with the first missing names, unless the table has all of them."""
    missing = [name for name in names if name not in table]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise ValueError(f"expected the columns {expected}, missing {', '.join(missing[:3])}{more}")


def numbers(table: Table, name: str) -> np.ndarray:
    """Return a column as float64, or raise `ValueError` with the line of the first cell that is no number.

    Example:
        >>> numbers({"x_0": ["1.5", "-2e1"]}, "x_0")
        array([  1.5, -20. ])
    """
    try:
        return np.array(table[name], np.float64)
    except ValueError:
        line, cell = next((i, cell) for i, cell in enumerate(table[name], start=2) if not _is_number(cell))
        raise ValueError(f"expected a number in column {name} of line {line}, got {cell!r}") from None


def coordinates(table: Table, names: list[str]) -> Float32[np.ndarray, "t n"]:
    """Return several columns as float32; what is too large for it becomes infinite, which no sequence accepts."""
    with np.errstate(over="ignore"):
        return np.stack([numbers(table, name) for name in names], axis=1).astype(np.float32)


def size_in_table(table: Table, image_size: tuple[int, int] | None) -> tuple[int, int]:
    """Return height and width from the columns of that name, else the ones given, else raise `ValueError`."""
    if "image_height" in table and "image_width" in table:
        height, width = (float(numbers(table, name)[0]) for name in ("image_height", "image_width"))
        if not (height.is_integer() and width.is_integer()):
            raise ValueError(f"expected whole numbers as image_height and image_width, got {height} and {width}")
        return int(height), int(width)
    if image_size is None:
        raise ValueError("it has no columns image_height and image_width; pass image_size=(height, width)")
    return image_size


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
