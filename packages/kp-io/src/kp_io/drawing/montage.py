"""Arrange frames beside and below each other, with labels."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from kp_io.drawing.image_warp import resize_to_height
from kp_io.media.image import RGBImage, text_strip

#: Heights of labels and gaps, in frame heights.
_LABEL_SHARE = 0.075
_GAP_SHARE = 0.012

#: Width of the labels beside rows, in frame heights.
_LABEL_WIDTH_SHARE = 1.2

_BACKGROUND = 24


def side_by_side(
    columns: Sequence[Iterable[RGBImage] | RGBImage], *, labels: Sequence[str] | None = None, height: int | None = None
) -> Iterator[RGBImage]:
    """Combine several videos into one, from left to right.

    Args:
        columns: Frames `(H, W, 3)` uint8 RGB each, or one still image. All are scaled to the same height. The
            result is as long as the longest; the others hold their last frame.
        labels: One line of text above each column.
        height: Height of the columns, pixels; by default that of the tallest.

    Yields:
        The combined frames, each a new array.

    Raises:
        ValueError: There is no column, a column has no frame, all are stills, or the number of labels differs.

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
    frames: Iterable[RGBImage], *, columns: int, labels: Sequence[str] | None = None, height: int | None = None
) -> RGBImage:
    """Arrange frames in rows of `columns`, in reading order, as one image.

    Args:
        frames: `(H, W, 3)` uint8 RGB each; all are scaled to the same height.
        columns: Frames per row.
        labels: One line of text above each frame.
        height: Height of a frame, pixels; by default that of the tallest.

    Raises:
        ValueError: There is no frame, `columns` is below 1, or the number of labels differs.

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
    cells = [resize_to_height(cell, height) for cell in cells]
    width = max(cell.shape[1] for cell in cells)
    cells = [_framed(cell, width, labels[i] if labels else None) for i, cell in enumerate(cells)]
    cells += [np.full_like(cells[0], _BACKGROUND)] * (-len(cells) % columns)
    gap = _gap(height)
    rows = [_stack(cells[start : start + columns], axis=1, gap=gap) for start in range(0, len(cells), columns)]
    return _stack(rows, axis=0, gap=gap)


def method_sheet(
    rows: Sequence[Sequence[RGBImage]],
    *,
    labels: Sequence[str],
    column_labels: Sequence[str] | None = None,
    height: int | None = None,
) -> RGBImage:
    """Arrange frames as one image with a row for each method and a column for each time.

    Args:
        rows: Frames `(H, W, 3)` uint8 RGB of each method; all are scaled to the same height.
        labels: One line of text at the left of each row.
        column_labels: One line of text above each column of the first row, such as its time.
        height: Height of a frame, pixels; by default that of the tallest.

    Raises:
        ValueError: There is no row, a row has no frame, or the number of labels differs.

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
    cells = [[resize_to_height(frame, height) for frame in row] for row in rows]
    # A column is as wide as its widest frame, so that equal times are aligned.
    widths = [max(row[column].shape[1] for row in cells if column < len(row)) for column in range(max(map(len, cells)))]
    label_width = round(_LABEL_WIDTH_SHARE * height)
    line_height = max(20, round(height * _LABEL_SHARE * 2))
    gap = _gap(height)
    joined = []
    if column_labels is not None:
        texts = ["", *column_labels, *[""] * (len(widths) - len(column_labels))]
        strips = [
            text_strip(text, width=width, height=line_height, background=_BACKGROUND)
            for text, width in zip(texts, (label_width, *widths), strict=True)
        ]
        joined.append(_stack(strips, axis=1, gap=gap))
    for row, label in zip(cells, labels, strict=True):
        strip = _blank(height, label_width)
        top = max(0, (height - line_height) // 2)
        text = text_strip(label, width=label_width, height=min(line_height, height), background=_BACKGROUND)
        strip[top : top + len(text)] = text
        blank = [_blank(height, width) for width in widths[len(row) :]]
        framed = [_framed(cell, width, None) for cell, width in zip(row, widths, strict=False)]
        joined.append(_stack([strip, *framed, *blank], axis=1, gap=gap))
    return _stack(joined, axis=0, gap=gap)


def _joined(
    columns: Sequence[Iterable[RGBImage] | RGBImage], labels: Sequence[str] | None, height: int | None
) -> Iterator[RGBImage]:
    videos = [iter(()) if isinstance(column, np.ndarray) else iter(column) for column in columns]
    shown: list[RGBImage] = []
    for number, (column, video) in enumerate(zip(columns, videos, strict=True)):
        frame = column if isinstance(column, np.ndarray) else next(video, None)
        if frame is None:
            raise ValueError(f"expected at least one frame in column {number}, got none")
        shown.append(frame)
    height = height or max(frame.shape[0] for frame in shown)
    while True:
        cells = [resize_to_height(frame, height) for frame in shown]
        framed = [_framed(c, c.shape[1], labels[i] if labels else None) for i, c in enumerate(cells)]
        yield _stack(framed, axis=1, gap=_gap(height))
        following = [next(video, None) for video in videos]
        if all(frame is None for frame in following):
            return
        shown = [old if new is None else new for old, new in zip(shown, following, strict=True)]


def _framed(cell: RGBImage, width: int, label: str | None) -> RGBImage:
    """Centre a cell in a column of that width, with its label above."""
    height, own = cell.shape[:2]
    left = (width - own) // 2
    cell = np.pad(cell, ((0, 0), (left, width - own - left), (0, 0)), constant_values=_BACKGROUND)
    if label is None:
        return cell
    strip_height = max(20, round(height * _LABEL_SHARE))
    return np.concatenate([text_strip(label, width=width, height=strip_height, background=_BACKGROUND), cell])


def _blank(height: int, width: int) -> RGBImage:
    return np.full((height, width, 3), _BACKGROUND, np.uint8)


def _stack(cells: Sequence[RGBImage], *, axis: int, gap: int) -> RGBImage:
    height, width = cells[0].shape[:2]
    between = _blank(gap, width) if axis == 0 else _blank(height, gap)
    return np.concatenate([part for cell in cells for part in (between, cell)][1:], axis=axis)


def _gap(height: int) -> int:
    return max(1, round(height * _GAP_SHARE))
