"""Search a single picture thoroughly for faces that `find_face_boxes` misses: rolled, in bad light, at the border."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import cv2
import numpy as np
from jaxtyping import Float

from kp_io.detectors.face_boxes import (
    LONGEST_SIDES,
    FaceBox,
    Fit,
    Image,
    Scan,
    box_of_face,
    centred_score,
    crop_to_check,
    distinct_boxes,
    equalize_light,
    scan_sizes,
)

# Rolls of a head, clockwise, degrees; the detector itself finds up to about 15. Quarter and half turns are for pictures
# whose orientation is not recorded.
_SMALL_TURNS = (20, -20)
_LARGE_TURNS = (40, -40)
_WRONG_ORIENTATIONS = (90, -90, 180)

# Mean score, with and without equalized light, of a face that is turned upright. What looks like a face in pictures
# without one has -0.2 or less, most faces have 0.1 to 1.4.
_MEAN_CHECK = 0.1
_LOWEST_CHECK = -0.5

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
    """Return a box for every face that many tries find, the largest first.

    Every box is checked by its points, whatever its score. If there is no face, this takes some ten times as long as
    `find_face_boxes`.

    Args:
        image: RGB.
        scan: As for `find_face_boxes`.
        fit: As for `find_face_boxes`.
    """
    for views in _views(image):
        found: list[tuple[float, FaceBox]] = []
        for view in views:
            sure, doubtful = scan_sizes(view.image, scan, view.sizes)
            faces = [_face_in(view.image, box, scan, fit) for box in sure + doubtful]
            found += [(face[0], view.to_source(face[1])) for face in faces if face is not None]
        if found:
            # Of the same face in several views, the one that is most upright has the highest score.
            boxes = distinct_boxes([box for _, box in sorted(found, key=lambda face: -face[0])])
            return sorted(boxes, key=lambda box: -box.side)
    return []


def _face_in(image: Image, box: FaceBox, scan: Scan, fit: Fit) -> tuple[float, FaceBox] | None:
    """Return the score of a face and the box around it, with its roll.

    None if the detector does not find the face again in an upright crop: many tries find much that looks like a face.
    """
    around = box_of_face(image, box, fit)
    if around is None:
        return None
    crop = crop_to_check(image, around)
    scores = [centred_score(pixels, scan, lowest=_LOWEST_CHECK) for pixels in (crop, equalize_light(crop))]
    mean = sum(-1.0 if score is None else score for score in scores) / len(scores)
    return (mean, around) if mean >= _MEAN_CHECK else None


def _views(image: Image) -> Iterator[Iterator[_View]]:
    """Yield what is searched together, the likeliest and quickest first."""
    lit = equalize_light(image)
    turns = (_turned(pixels, degrees) for degrees in (*_SMALL_TURNS, *_LARGE_TURNS) for pixels in (image, lit))
    yield chain([_View(lit, np.eye(2, 3)), _bordered(image)], turns)
    yield (_turned(image, degrees) for degrees in _WRONG_ORIENTATIONS)
    yield iter([_View(image, np.eye(2, 3), (_LARGE_SIDE,))])


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
