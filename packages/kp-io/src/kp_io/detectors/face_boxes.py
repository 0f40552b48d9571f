"""Where the faces of a picture are: dlib's box detector at several sizes, in bad light, and with its doubts checked."""

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from kp_io.detectors.face_box import FaceBox, box_from_points, crop_box

Image = UInt8[np.ndarray, "h w 3"]
Scan = Callable[[Image, float], list[tuple[FaceBox, float]]]
Fit = Callable[[Image, FaceBox], tuple[Float[np.ndarray, "k 2"], float]]

# The box detector's smallest face is 80 px wide: it looks at the picture at these longest sides, first for large faces,
# then for small ones, enlarging no more than this.
_LONGEST_SIDES = (640, 1280)
_MAX_ENLARGEMENT = 4.0

# Finds from this score on are faces. Of those between, most are wallpaper: they count when they look like a face with
# points, turned upright and evenly lit.
_SURE_SCORE = 0.2
_LOWEST_SCORE = -0.35

# What the check asks for: predictions of the points that agree this well (in box sides), and this score.
_MAX_SPREAD = 0.02
_CHECK_SCORE = -0.25
_CHECK_SIZE = 220
_CHECK_SIDE = 110


def find_face_boxes(image: Image, *, scan: Scan, fit: Fit) -> list[FaceBox]:
    """Return a box for every face of a picture, the largest first.

    Args:
        image: RGB.
        scan: Returns boxes of at least 80 px and their scores, from a given score on.
        fit: Returns the 68 points of the face in a box, and how far the predictions are apart (in box sides).
    """
    sure, doubtful = _scan_sizes(image, scan)
    doubtful = [box for box in doubtful if _is_face(image, box, scan, fit)]
    if not sure + doubtful:
        # A face in the dark has edges too weak for the detector, until contrast is evened out.
        sure, _ = _scan_sizes(_evenly_lit(image), scan)
    return sorted(_distinct(sure + doubtful), key=lambda box: -box.side)


def _scan_sizes(image: Image, scan: Scan) -> tuple[list[FaceBox], list[FaceBox]]:
    """Return the sure and the doubtful boxes."""
    sure: list[FaceBox] = []
    doubtful: list[FaceBox] = []
    for longest in _LONGEST_SIDES:
        scale = min(longest / max(image.shape[:2]), _MAX_ENLARGEMENT)
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        scaled = cv2.resize(image, None, fx=scale, fy=scale, interpolation=interpolation)
        for box, score in scan(scaled, _LOWEST_SCORE):
            found = FaceBox(box.x / scale, box.y / scale, box.side / scale)
            (sure if score >= _SURE_SCORE else doubtful).append(found)
        if scale == _MAX_ENLARGEMENT:
            break
    sure = _distinct(sure)
    return sure, _distinct([*sure, *doubtful])[len(sure) :]


def _distinct(boxes: list[FaceBox]) -> list[FaceBox]:
    """Return the boxes without those that lie on one before them."""
    kept: list[FaceBox] = []
    for box in boxes:
        if all(box.distance(other) > 0.5 for other in kept):
            kept.append(box)
    return kept


def _is_face(image: Image, box: FaceBox, scan: Scan, fit: Fit) -> bool:
    points, _ = fit(image, box)
    points, spread = fit(image, box_from_points(points)._replace(roll=0.0))
    if spread > _MAX_SPREAD:
        return False
    upright = crop_box(image, box_from_points(points), size=_CHECK_SIZE, side=_CHECK_SIDE).pixels
    middle = FaceBox(_CHECK_SIZE / 2, _CHECK_SIZE / 2, _CHECK_SIDE)
    found = scan(_evenly_lit(upright), _CHECK_SCORE)
    return any(box.distance(middle) < 0.25 and 0.7 < box.side / middle.side < 1.4 for box, _ in found)


def _evenly_lit(image: Image) -> Image:
    """Return the picture with its lightness spread out in every part of it."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    tiles = 8 if min(image.shape[:2]) > 2 * _CHECK_SIZE else 4
    lab[..., 0] = cv2.createCLAHE(2.0, (tiles, tiles)).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))
