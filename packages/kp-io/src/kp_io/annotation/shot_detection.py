"""Where one shot of a video ends and the next begins."""

from collections import deque
from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from jaxtyping import Float, UInt8

_THUMBNAIL_SIDE = 32

# Mean difference of two frames' thumbnails, in 255ths of the range of a colour. Between the frames of a shot it is 1 to
# 5, in shaky footage up to 20; a cut shows as a jump to many times what was usual just before. Measured on edited
# speeches: cuts within one scene begin at 12 and at 8 times the usual, cuts between scenes lie above 45.
_SMALLEST_CUT = 12.0
_USUAL_TIMES = 8.0
_CERTAIN_CUT = 45.0

# Frames that tell what is usual, and the least number of them that do.
_MEMORY = 12
_LEAST_MEMORY = 3


class CutDetector:
    """Tells of every frame whether a new shot begins with it."""

    def __init__(self) -> None:
        self._before: Float[np.ndarray, "h w 3"] | None = None
        self._usual: deque[float] = deque(maxlen=_MEMORY)

    def begins_shot(self, image: UInt8[np.ndarray, "h w 3"]) -> bool:
        """Take in the next frame; the first of all begins a shot."""
        size = (_THUMBNAIL_SIDE, _THUMBNAIL_SIDE)
        thumbnail = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        before, self._before = self._before, thumbnail
        if before is None:
            return True
        difference = float(np.abs(thumbnail - before).mean())
        usual = max(1.0, float(np.median(self._usual))) if len(self._usual) >= _LEAST_MEMORY else np.inf
        is_cut = difference >= _CERTAIN_CUT or difference >= max(_SMALLEST_CUT, _USUAL_TIMES * usual)
        if is_cut:
            self._usual.clear()
        else:
            self._usual.append(difference)
        return is_cut


def cut_into_shots(
    frames: Iterable[UInt8[np.ndarray, "h w 3"]], *, chunk: int
) -> Iterator[tuple[bool, list[UInt8[np.ndarray, "h w 3"]]]]:
    """Yield the frames in lists of at most `chunk`, none of which reaches over a cut.

    Yields:
        Whether a shot begins with the list, and the frames.

    Example:
        >>> dark, light = np.zeros((48, 64, 3), np.uint8), np.full((48, 64, 3), 200, np.uint8)
        >>> [(begins, len(part)) for begins, part in cut_into_shots([dark] * 5 + [light] * 2, chunk=3)]
        [(True, 3), (False, 2), (True, 2)]
    """
    detector = CutDetector()
    begins, part = True, list[UInt8[np.ndarray, "h w 3"]]()
    for image in frames:
        is_cut = detector.begins_shot(image)
        if part and (is_cut or len(part) == chunk):
            yield begins, part
            begins, part = is_cut, []
        part.append(image)
    if part:
        yield begins, part
