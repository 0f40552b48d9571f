"""Frames beside and below each other, with labels."""

from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np

from kp_io.media.image import Picture, text_strip

#: Share of the frames' height that labels and gaps take.
_LABEL_SHARE = 0.075
_GAP_SHARE = 0.012

#: Width of the labels beside rows, in heights of a frame.
_LABEL_WIDTH_SHARE = 1.2

_GROUND = 24


def side_by_side(
    columns: Sequence[Iterable[Picture] | Picture],
    *,
    labels: Sequence[str] | None = None,
    height: int | None = None,
) -> Iterator[Picture]:
    """Join several runs of frames into one, from left to right.

    Args:
        columns: Frames `(H, W, 3)` uint8 RGB each, or one still picture. All are scaled to the same height. The
            result is as long as the longest; the others hold their last frame.
        labels: One line of text above each column.
        height: Height of the columns, pixels; by default that of the tallest.

    Yields:
        One frame for each step, each a new array.

    Raises:
        ValueError: There is no column, a column has no frame, all are stills, or labels and columns differ in number.

    Example:
        >>> dark, light = np.zeros((64, 64, 3), np.uint8), np.full((32, 48, 3), 255, np.uint8)
        >>> [frame.shape for frame in side_by_side([[dark, dark], light], labels=["dark", "light"])]
        [(84, 161, 3), (84, 161, 3)]
    """
    if labels is not None and len(labels) != len(columns):
        raise ValueError(f"expected a label for each of {len(columns)} columns, got {len(labels)}")
    if height is not None and height < 1:
        raise ValueError(f"expected a positive height, got {height}")
    if all(isinstance(column, np.ndarray) for column in columns):
        raise ValueError(f"expected at least one column of frames, got {len(columns)} stills; use contact_sheet")
    return _joined(columns, labels, height)


def contact_sheet(
    frames: Iterable[Picture],
    *,
    columns: int,
    labels: Sequence[str] | None = None,
    height: int | None = None,
) -> Picture:
    """Lay frames out in rows of `columns`, in reading order, as one picture.

    Args:
        frames: `(H, W, 3)` uint8 RGB each; all are scaled to the same height.
        columns: Frames in a row.
        labels: One line of text above each frame.
        height: Height of a frame, pixels; by default that of the tallest.

    Raises:
        ValueError: There is no frame, or the numbers do not fit.

    Example:
        >>> contact_sheet([np.zeros((50, 50, 3), np.uint8)] * 5, columns=3).shape
        (101, 152, 3)
    """
    cells = list(frames)
    if not cells or columns < 1:
        raise ValueError(f"expected at least one frame and one column, got {len(cells)} and {columns}")
    if labels is not None and len(labels) != len(cells):
        raise ValueError(f"expected a label for each of {len(cells)} frames, got {len(labels)}")
    height = height or max(cell.shape[0] for cell in cells)
    cells = [_to_height(cell, height) for cell in cells]
    width = max(cell.shape[1] for cell in cells)
    cells = [_framed(cell, width, labels[i] if labels else None) for i, cell in enumerate(cells)]
    cells += [np.full_like(cells[0], _GROUND)] * (-len(cells) % columns)
    gap = _gap(height)
    rows = [_stack(cells[start : start + columns], axis=1, gap=gap) for start in range(0, len(cells), columns)]
    return _stack(rows, axis=0, gap=gap)


def method_sheet(
    rows: Sequence[Sequence[Picture]],
    *,
    labels: Sequence[str],
    column_labels: Sequence[str] | None = None,
    height: int | None = None,
) -> Picture:
    """Lay frames out as one picture whose rows are methods and whose columns are moments.

    Args:
        rows: Frames `(H, W, 3)` uint8 RGB of each method; all are scaled to the same height.
        labels: One line of text at the left of each row.
        column_labels: One line of text above each column of the first row, such as its moment.
        height: Height of a frame, pixels; by default that of the tallest.

    Raises:
        ValueError: There is no row, a row has no frame, or labels and rows or columns differ in number.

    Example:
        >>> frame = np.zeros((50, 50, 3), np.uint8)
        >>> method_sheet([[frame] * 4, [frame] * 3], labels=["ours", "theirs"]).shape
        (101, 264, 3)
    """
    if not rows or not all(rows):
        raise ValueError(f"expected at least one frame in each row, got {[len(row) for row in rows]}")
    if len(labels) != len(rows):
        raise ValueError(f"expected a label for each of {len(rows)} rows, got {len(labels)}")
    if column_labels is not None and len(column_labels) != len(rows[0]):
        raise ValueError(f"expected a label for each of {len(rows[0])} columns, got {len(column_labels)}")
    height = height or max(frame.shape[0] for row in rows for frame in row)
    cells = [[_to_height(frame, height) for frame in row] for row in rows]
    # A column is as wide as its widest frame, so that the same moments stand below each other.
    widths = [max(row[column].shape[1] for row in cells if column < len(row)) for column in range(max(map(len, cells)))]
    label_width = round(_LABEL_WIDTH_SHARE * height)
    line = max(20, round(height * _LABEL_SHARE * 2))
    gap = _gap(height)
    joined = []
    if column_labels is not None:
        strips = [
            text_strip(t, width=w, height=line, ground=_GROUND) for t, w in zip(column_labels, widths, strict=False)
        ]
        corner = [np.full((line, width, 3), _GROUND, np.uint8) for width in (label_width, *widths[len(strips) :])]
        joined.append(_stack([corner[0], *strips, *corner[1:]], axis=1, gap=gap))
    for row, label in zip(cells, labels, strict=True):
        strip = np.full((height, label_width, 3), _GROUND, np.uint8)
        top = max(0, (height - line) // 2)
        text = text_strip(label, width=label_width, height=min(line, height), ground=_GROUND)
        strip[top : top + len(text)] = text
        blank = [np.full((height, width, 3), _GROUND, np.uint8) for width in widths[len(row) :]]
        framed = [_framed(cell, width, None) for cell, width in zip(row, widths, strict=False)]
        joined.append(_stack([strip, *framed, *blank], axis=1, gap=gap))
    return _stack(joined, axis=0, gap=gap)


def _joined(
    columns: Sequence[Iterable[Picture] | Picture],
    labels: Sequence[str] | None,
    height: int | None,
) -> Iterator[Picture]:
    runs = [iter(()) if isinstance(column, np.ndarray) else iter(column) for column in columns]
    current = [c if isinstance(c, np.ndarray) else next(run, None) for c, run in zip(columns, runs, strict=True)]
    shown: list[Picture] = []
    for number, frame in enumerate(current):
        if frame is None:
            raise ValueError(f"expected at least one frame in column {number}, got none")
        shown.append(frame)
    height = height or max(frame.shape[0] for frame in shown)
    while True:
        cells = [_to_height(frame, height) for frame in shown]
        framed = [_framed(c, c.shape[1], labels[i] if labels else None) for i, c in enumerate(cells)]
        yield _stack(framed, axis=1, gap=_gap(height))
        following = [next(run, None) for run in runs]
        if all(frame is None for frame in following):
            return
        shown = [old if new is None else new for old, new in zip(shown, following, strict=True)]


def _framed(cell: Picture, width: int, label: str | None) -> Picture:
    """Centre a cell in a wider column and put its label above."""
    height, own = cell.shape[:2]
    left = (width - own) // 2
    cell = np.pad(cell, ((0, 0), (left, width - own - left), (0, 0)), constant_values=_GROUND)
    if label is None:
        return cell
    strip_height = max(20, round(height * _LABEL_SHARE))
    return np.concatenate([text_strip(label, width=width, height=strip_height, ground=_GROUND), cell])


def _stack(cells: Sequence[Picture], *, axis: int, gap: int) -> Picture:
    shape = list(cells[0].shape)
    shape[axis] = gap
    between = np.full(shape, _GROUND, np.uint8)
    parts = [part for cell in cells for part in (between, cell)][1:]
    return np.concatenate(parts, axis=axis)


def _gap(height: int) -> int:
    return max(1, round(height * _GAP_SHARE))


def _to_height(image: Picture, height: int) -> Picture:
    if image.shape[0] == height:
        return image
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    method = cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)
