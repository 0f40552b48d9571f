"""Style of drawn faces, shared by both rasterizers: colours, line widths, dots, outlines."""

from typing import NamedTuple

import numpy as np

#: Background colours, RGB.
BLACK = (0, 0, 0)
WHITE = (255, 255, 255)

#: Colour and opacity of the outline on images and light backgrounds, where plain lines would be hard to see.
OUTLINE = (16, 16, 24)
OUTLINE_OPACITY = 0.55

_MAX_LINE_WIDTH = 255

#: Diameter of a dot in line widths.
_DOT_IN_LINES = 2.6

#: Size of a face in line widths: on a plain background, and on an image, of which lines should hide little.
_FACE_IN_LINES = 110
_FACE_IN_LINES_ON_IMAGE = 160


class LineStyle(NamedTuple):
    """Line width in pixels, whether keypoints get dots, and whether everything gets an outline."""

    width: int
    dots: bool
    outline: bool

    def dot_radius(self, *, outline: bool) -> float:
        """Return the radius of a dot, or of its outline, in pixels."""
        return _DOT_IN_LINES * self.width / 2 + outline


def choose_style(xy: np.ndarray, background: object, *, thickness: int | None, dots: bool | None) -> LineStyle:
    """Return the given line width and dots, or those that suit the median face `(T, K, 2)` and the background.

    Only images get dots by default; a tuple is a background colour. Raises `ValueError` if the thickness is not from 1
    to 255.

    Example:
        >>> choose_style(np.array([[[0.0, 0.0], [200.0, 330.0]]]), BLACK, thickness=None, dots=None)
        LineStyle(width=3, dots=False, outline=False)
    """
    is_colour = isinstance(background, tuple)
    if thickness is None:
        faces = np.ptp(xy, axis=1).max(axis=1)
        size = float(np.median(faces)) / (_FACE_IN_LINES if is_colour else _FACE_IN_LINES_ON_IMAGE)
        thickness = min(max(1, round(size)), _MAX_LINE_WIDTH)
    elif not 1 <= thickness <= _MAX_LINE_WIDTH:
        raise ValueError(f"expected a thickness from 1 to {_MAX_LINE_WIDTH} px, got {thickness}")
    is_light = isinstance(background, tuple) and sum(background) > 3 * 127
    return LineStyle(thickness, not is_colour if dots is None else dots, is_light or not is_colour)
