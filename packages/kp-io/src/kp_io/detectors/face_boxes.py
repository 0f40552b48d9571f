"""Face boxes as dlib's face detector draws them: detection at several sizes and in bad light, and cropping."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

Image = UInt8[np.ndarray, "h w 3"]

# The box that dlib's face detector would draw, estimated from the 68 points. Measured over 381 detections in talking
# faces of a corpus: its side is 2.737 times the RMS distance of the points from the mean of the points without the jaw
# (to 7 %, the detector's own step in size). Its centre is that mean, shifted towards the wider cheek by 0.62 of the
# nose's shift to the other side.
_INNER_POINTS = slice(17, 68)
_SIDE = 2.737
_TURN = 0.62

# The box detector's smallest face is 80 px wide: the image is scaled to these longest sides, first for large faces and
# then for small ones, and enlarged at most this much.
LONGEST_SIDES = (640, 1280)
_MAX_ENLARGEMENT = 4.0

# Detections from the first score on are faces. Most between the two scores are background: they count only if they look
# like a face with its landmarks, rotated upright and with equalized light.
_SURE_SCORE = 0.2
_LOWEST_SCORE = -0.35

# Conditions of that check: the spread of the predicted points (in box sides), and the score.
_MAX_SPREAD = 0.02
_CHECK_SCORE = -0.25
_CHECK_SIZE = 220
_CHECK_SIDE = 110


class FaceBox(NamedTuple):
    """A square around a face.

    Attributes:
        x: Centre, pixels.
        y: Centre, pixels.
        side: Length of a side, pixels.
        roll: Rotation of the square, clockwise in the image, radians.
    """

    x: float
    y: float
    side: float
    roll: float = 0.0

    def distance(self, other: "FaceBox") -> float:
        """Return the distance of the centres, in sides of the larger box."""
        return float(np.hypot(self.x - other.x, self.y - other.y)) / max(self.side, other.side)


@dataclass(frozen=True, slots=True)
class Crop:
    """A square crop of one face.

    Attributes:
        pixels: The crop; outside the image, the border colours are repeated.
        to_crop: Affine map `(2, 3)` from pixels of the image to pixels of the crop.
    """

    pixels: UInt8[np.ndarray, "s s 3"]
    to_crop: Float[np.ndarray, "2 3"]

    def to_source(self, points: Float[np.ndarray, "k 2"]) -> Float[np.ndarray, "k 2"]:
        """Map points of the crop to points of the image."""
        return np.asarray((points - self.to_crop[:, 2]) @ np.linalg.inv(self.to_crop[:, :2]).T)


def box_from_points(points: Float[np.ndarray, "k d"]) -> FaceBox:
    """Return the box that dlib's face detector would draw around 68 points, with their roll."""
    middle = points[_INNER_POINTS].mean(axis=0)
    side = _SIDE * float(np.sqrt(np.square(points - middle).sum(axis=1).mean()))
    right_eye, left_eye = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    across = (left_eye - right_eye) / max(1e-6, float(np.linalg.norm(left_eye - right_eye)))
    nose, mouth = points[27:36].mean(axis=0), points[48:68].mean(axis=0)
    turn = float((nose - (right_eye + left_eye + 2 * mouth) / 4) @ across)
    x, y = middle - _TURN * turn * across
    return FaceBox(float(x), float(y), side, roll_of(points))


def roll_of(points: Float[np.ndarray, "k d"]) -> float:
    """Return the angle of the line through the eyes of 68 points, radians, clockwise in the image."""
    x, y = points[42:48].mean(axis=0) - points[36:42].mean(axis=0)
    return float(np.arctan2(y, x))


def crop_box(image: Image, box: FaceBox, *, size: int, side: int) -> Crop:
    """Crop a box from an image, upright and centred in `size` × `size` pixels; the box itself has `side` pixels."""
    scale = side / box.side
    cosine, sine = scale * np.cos(box.roll), scale * np.sin(box.roll)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    to_crop = np.column_stack([turn, size / 2 - turn @ (box.x, box.y)])
    matrix = to_crop
    if scale < 0.5:  # warping alone would alias: average the pixels first
        shrink = 2 * scale
        image = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        matrix = np.column_stack([to_crop[:, :2] / shrink, to_crop[:, 2]])
    pixels = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return Crop(pixels, to_crop)


Scan = Callable[[Image, float], list[tuple[FaceBox, float]]]
Fit = Callable[[Image, FaceBox], tuple[Float[np.ndarray, "k 2"], float]]


def find_face_boxes(image: Image, *, scan: Scan, fit: Fit) -> list[FaceBox]:
    """Return a box for every face of an image, the largest first.

    Args:
        image: RGB.
        scan: Returns boxes of at least 80 px and their scores, from a given score on.
        fit: Returns the 68 points of the face in a box, and the spread of the predictions (in box sides).
    """
    sure, doubtful = scan_sizes(image, scan)
    doubtful = [box for box in doubtful if _is_face(image, box, scan, fit)]
    if not sure + doubtful:
        # A dark face has edges too weak for the detector until the contrast is equalized.
        sure, _ = scan_sizes(equalize_light(image), scan)
    return sorted(distinct_boxes(sure + doubtful), key=lambda box: -box.side)


def scan_sizes(image: Image, scan: Scan, sizes: tuple[int, ...] = LONGEST_SIDES) -> tuple[list[FaceBox], list[FaceBox]]:
    """Return the certain and the doubtful boxes at all sizes, which are longest sides in pixels."""
    sure: list[FaceBox] = []
    doubtful: list[FaceBox] = []
    for longest in sizes:
        scale = min(longest / max(image.shape[:2]), _MAX_ENLARGEMENT)
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        scaled = cv2.resize(image, None, fx=scale, fy=scale, interpolation=interpolation)
        for box, score in scan(scaled, _LOWEST_SCORE):
            found = FaceBox(box.x / scale, box.y / scale, box.side / scale)
            (sure if score >= _SURE_SCORE else doubtful).append(found)
        if scale == _MAX_ENLARGEMENT:
            break
    sure = distinct_boxes(sure)
    return sure, distinct_boxes([*sure, *doubtful])[len(sure) :]


def distinct_boxes(boxes: list[FaceBox]) -> list[FaceBox]:
    """Return the boxes without those that overlap an earlier one."""
    kept: list[FaceBox] = []
    for box in boxes:
        if all(box.distance(other) > 0.5 for other in kept):
            kept.append(box)
    return kept


def _is_face(image: Image, box: FaceBox, scan: Scan, fit: Fit) -> bool:
    around = box_of_face(image, box, fit)
    if around is None:
        return False
    return centred_score(equalize_light(crop_to_check(image, around)), scan, lowest=_CHECK_SCORE) is not None


def box_of_face(image: Image, box: FaceBox, fit: Fit) -> FaceBox | None:
    """Return the box around the points of the face in a box, with its roll; None if the predictions disagree."""
    points, _ = fit(image, box)
    points, spread = fit(image, box_from_points(points)._replace(roll=0.0))
    if spread > _MAX_SPREAD:
        return None
    return box_from_points(points)


def crop_to_check(image: Image, box: FaceBox) -> UInt8[np.ndarray, "_ _ 3"]:
    """Return an upright crop of a box, for `centred_score`."""
    return crop_box(image, box, size=_CHECK_SIZE, side=_CHECK_SIDE).pixels


def centred_score(crop: Image, scan: Scan, *, lowest: float) -> float | None:
    """Return the score of the face in the middle of a `crop_to_check`; None if none has at least `lowest`."""
    middle = FaceBox(_CHECK_SIZE / 2, _CHECK_SIZE / 2, _CHECK_SIDE)
    scores = [
        score for box, score in scan(crop, lowest) if box.distance(middle) < 0.25 and 0.7 < box.side / middle.side < 1.4
    ]
    return max(scores, default=None)


def equalize_light(image: Image) -> Image:
    """Equalize the lightness of an image locally (CLAHE)."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    tiles = 8 if min(image.shape[:2]) > 2 * _CHECK_SIZE else 4
    lab[..., 0] = cv2.createCLAHE(2.0, (tiles, tiles)).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))
