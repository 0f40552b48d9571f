"""Search a single picture thoroughly for faces that an ordinary detection misses: turned, in bad light, at its border."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float

from kp_io.detectors.face_boxes import (
    LONGEST_SIDES,
    FaceBox,
    Fit,
    Image,
    Scan,
    distinct_boxes,
    equalize_light,
    is_face,
    scan_sizes,
)

# Turns of the picture in degrees, clockwise rolls of a head first tried by its likelihood. The detector knows faces that
# are rolled by up to about 15 degrees. Quarters and halves are pictures whose orientation is not recorded.
_SMALL_TURNS = (20, -20)
_LARGE_TURNS = (40, -40)
_WRONG_ORIENTATIONS = (90, -90, 180)

# Width of the border that is added, as a share of the longer side: the detector needs some room around a face.
_BORDER = 0.25

# The last size tried, for faces below 40 px in a picture of 1,280 px.
_LARGE_SIDE = 2560


@dataclass(frozen=True, slots=True)
class _View:
    """A transformed picture.

    Attributes:
        image: RGB.
        to_view: Affine map `(2, 3)` from pixels of the picture to pixels of the view: a rotation and a shift.
        sizes: Longest sides at which it is scanned.
    """

    image: Image
    to_view: Float[np.ndarray, "2 3"]
    sizes: tuple[int, ...] = LONGEST_SIDES

    def to_source(self, box: FaceBox) -> FaceBox:
        turn = self.to_view[:, :2]
        x, y = turn.T @ (np.array([box.x, box.y]) - self.to_view[:, 2])
        return FaceBox(float(x), float(y), box.side, box.roll + float(np.arctan2(turn[0, 1], turn[0, 0])))


def search_face_boxes(image: Image, *, scan: Scan, fit: Fit) -> list[FaceBox]:
    """Return a box for every face that the first successful of many tries finds, the largest first.

    Every box is checked by its points, whatever its score. If there is no face, this takes some ten times as long as
    `find_face_boxes`.

    Args:
        image: RGB.
        scan: As for `find_face_boxes`.
        fit: As for `find_face_boxes`.
    """
    for view in _views(image):
        sure, doubtful = scan_sizes(view.image, scan, view.sizes)
        found = [box for box in sure + doubtful if is_face(view.image, box, scan, fit)]
        if found:
            boxes = [view.to_source(box) for box in found]
            return sorted(distinct_boxes(boxes), key=lambda box: -box.side)
    return []


def _views(image: Image) -> Iterator[_View]:
    """Yield what is searched, the likeliest and quickest first."""
    lit = equalize_light(image)
    yield _View(lit, np.eye(2, 3))
    yield from (_turned(image, degrees) for degrees in _SMALL_TURNS)
    yield from (_turned(lit, degrees) for degrees in _SMALL_TURNS)
    yield _bordered(image)
    yield from (_turned(image, degrees) for degrees in _LARGE_TURNS)
    yield _View(image, np.eye(2, 3), (_LARGE_SIDE,))
    yield from (_turned(image, degrees) for degrees in _WRONG_ORIENTATIONS)


def _turned(image: Image, degrees: float) -> _View:
    """Return the whole picture, turned so that a head with this roll (clockwise) is upright."""
    height, width = image.shape[:2]
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[cosine, sine], [-sine, cosine]])
    size = np.ceil(np.round(np.abs(turn) @ (width, height), 6)).astype(int)
    to_view = np.column_stack([turn, (size - 1) / 2 - turn @ ((width - 1) / 2, (height - 1) / 2)])
    shape = (int(size[0]), int(size[1]))
    turned = cv2.warpAffine(image, to_view, shape, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return _View(np.asarray(turned), to_view)


def _bordered(image: Image) -> _View:
    """Return the picture with a border in the colours of its edge."""
    width = round(_BORDER * max(image.shape[:2]))
    bordered = cv2.copyMakeBorder(image, width, width, width, width, cv2.BORDER_REPLICATE)
    return _View(np.asarray(bordered), np.array([[1.0, 0, width], [0, 1, width]]))
