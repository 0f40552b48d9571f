"""How drawn faces look, for every way of drawing them: colours, widths, outlines."""

import numpy as np

#: Colours for backgrounds, RGB.
BLACK = (0, 0, 0)
WHITE = (255, 255, 255)

MAX_LINE_WIDTH = 255

#: Diameter of a dot in line widths.
DOT_IN_LINES = 2.6

#: Colour and opacity around lines over a photo or a light ground, so that they show on skin and on white alike.
OUTLINE = (16, 16, 24)
OUTLINE_OPACITY = 0.55

#: Size of a face in line widths: on a plain ground, and over a photo, where lines should hide little.
_FACE_IN_LINES = 110
_FACE_IN_LINES_OVER_PHOTO = 160


def is_light(ground: tuple[int, int, int]) -> bool:
    """Tell whether lines need an outline on a ground of that colour."""
    return sum(ground) > 3 * 127


def line_width(xy: np.ndarray, *, over_photo: bool) -> int:
    """Return the line width that suits the median face of `(T, K, 2)`, pixels.

    Example:
        >>> line_width(np.array([[[0.0, 0.0], [200.0, 330.0]]]), over_photo=False)
        3
    """
    faces = np.ptp(xy, axis=1).max(axis=1)
    width = float(np.median(faces)) / (_FACE_IN_LINES_OVER_PHOTO if over_photo else _FACE_IN_LINES)
    return min(max(1, round(width)), MAX_LINE_WIDTH)
