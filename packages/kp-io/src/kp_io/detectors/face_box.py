"""Square boxes around faces, as dlib's face detector draws them, and the pictures that are cut out along them."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

# The box that dlib's face detector would draw, told from the 68 points. Measured over 381 detections in the talking
# faces of a corpus: its side is 2.737 times the root mean square distance of the points from the middle of those that
# are not the jaw's (to 7 %, as near as the detector's own steps in size), and its centre is that middle, moved to where
# the cheek is wide by 0.62 of how far the nose has moved to the other side.
_INNER_POINTS = slice(17, 68)
_SIDE = 2.737
_TURN = 0.62


class FaceBox(NamedTuple):
    """A square around a face.

    Attributes:
        x: Centre, pixels.
        y: Centre, pixels.
        side: Length of a side, pixels.
        roll: Angle by which the square is turned, clockwise as the picture is seen, radians.
    """

    x: float
    y: float
    side: float
    roll: float = 0.0

    def distance(self, other: "FaceBox") -> float:
        """Return how far the centres are apart, in sides of the larger box."""
        return float(np.hypot(self.x - other.x, self.y - other.y)) / max(self.side, other.side)


@dataclass(frozen=True, slots=True)
class Crop:
    """A square picture of one face.

    Attributes:
        pixels: The picture; beyond the border of the source, the border's colours go on.
        to_crop: Affine map `(2, 3)` from pixels of the source to pixels of the crop.
    """

    pixels: UInt8[np.ndarray, "s s 3"]
    to_crop: Float[np.ndarray, "2 3"]

    def to_source(self, points: Float[np.ndarray, "k 2"]) -> Float[np.ndarray, "k 2"]:
        """Return points of the crop as points of the source."""
        return np.asarray((points - self.to_crop[:, 2]) @ np.linalg.inv(self.to_crop[:, :2]).T)


def box_from_points(points: Float[np.ndarray, "k d"]) -> FaceBox:
    """Return the box that dlib's face detector would draw around these 68 points, turned as they are."""
    middle = points[_INNER_POINTS].mean(axis=0)
    side = _SIDE * float(np.sqrt(np.square(points - middle).sum(axis=1).mean()))
    right_eye, left_eye = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    across = (left_eye - right_eye) / max(1e-6, float(np.linalg.norm(left_eye - right_eye)))
    nose, mouth = points[27:36].mean(axis=0), points[48:68].mean(axis=0)
    turn = float((nose - (right_eye + left_eye + 2 * mouth) / 4) @ across)
    x, y = middle - _TURN * turn * across
    return FaceBox(float(x), float(y), side, roll_of(points))


def roll_of(points: Float[np.ndarray, "k d"]) -> float:
    """Return the angle of the line through the eyes of 68 points, radians, clockwise as the picture is seen."""
    x, y = points[42:48].mean(axis=0) - points[36:42].mean(axis=0)
    return float(np.arctan2(y, x))


def crop_box(image: UInt8[np.ndarray, "h w 3"], box: FaceBox, *, size: int, side: int) -> Crop:
    """Cut a box out of a picture, upright and in the middle of `size` × `size` pixels, `side` of them its own."""
    scale = side / box.side
    cosine, sine = scale * np.cos(box.roll), scale * np.sin(box.roll)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    to_crop = np.column_stack([turn, size / 2 - turn @ (box.x, box.y)])
    matrix = to_crop
    if scale < 0.5:  # warping alone would alias: take every pixel into account first
        shrink = 2 * scale
        image = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        matrix = np.column_stack([to_crop[:, :2] / shrink, to_crop[:, 2]])
    pixels = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return Crop(pixels, to_crop)
