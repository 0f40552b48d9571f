"""dlib's 68-point regression trees: small, offline, and the default detector."""

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from kp_io.detector import Detection

__all__ = ["DlibDetector", "find_dlib_model"]

_MODEL_FILE = "shape_predictor_68_face_landmarks.dat"
_MODEL_FOLDERS = ("/usr/share/dlib", "/usr/local/share/dlib")

# The box that dlib's face detector would draw, told from the 68 points: its centre is the mean of all points but the
# jaw's, which in a turned face leave the face, and its side is this multiple of the mean side of their bounding box.
# Measured over 235 detections: centres agree to 4 % and sides to 7 %, as near as the detector's own steps in size.
_INNER_POINTS = slice(17, 68)
_BOX_SIDE = 1.066

# The trees compare single pixels, so they see a face best at one size: the crop is scaled to this many pixels.
_CROP_SIDE = 300
_BOX_SIDE_IN_CROP = 180

# The box detector's smallest face is 80 px wide: it looks at the picture at these longest sides, first for large faces,
# then for small ones, enlarging no more than this. Of its finds below the score about half are wallpaper; they count
# only where there is nothing better, and never among the small ones.
_DETECTION_SIDES = (640, 1280)
_MAX_ENLARGEMENT = 4.0
_SURE_SCORE = 0.2

# Shifts (in box sides) and scales of the boxes whose predictions are averaged into sub-pixel points.
_JITTERS = (
    (0.0, 0.0, 1.0),
    (0.03, 0.0, 1.0),
    (-0.03, 0.0, 1.0),
    (0.0, 0.03, 1.0),
    (0.0, -0.03, 1.0),
    (0.02, 0.02, 1.05),
    (-0.02, 0.02, 0.95),
    (0.02, -0.02, 0.95),
    (-0.02, -0.02, 1.05),
)

Box = tuple[float, float, float]  # centre x, centre y, side; pixels


def find_dlib_model() -> Path:
    """Return the path of dlib's 68-point model file.

    It is looked for in the package `face-recognition-models` (which is located, not imported) and in the folders where
    Linux distributions put it.

    Raises:
        FileNotFoundError: It is in none of them; the message says how to get it.
    """
    spec = find_spec("face_recognition_models")
    folders = [Path(folder) / "models" for folder in (spec.submodule_search_locations or [] if spec else [])]
    folders += [Path(folder) for folder in _MODEL_FOLDERS]
    for folder in folders:
        if (folder / _MODEL_FILE).is_file():
            return folder / _MODEL_FILE
    raise FileNotFoundError(
        f"{_MODEL_FILE} was not found in {', '.join(map(str, folders))}; "
        'install it with `pip install "kp-io[dlib]"` or pass model=PATH'
    )


@cache
def _load(model: Path) -> tuple[Any, Any]:
    try:
        import dlib
    except ImportError as error:
        raise ImportError('the dlib detector needs dlib: `pip install "kp-io[dlib]"`') from error
    return dlib.get_frontal_face_detector(), dlib.shape_predictor(str(model))


class DlibDetector:
    """Finds the 68 iBUG points with dlib: HOG face boxes, then regression trees over slightly moved boxes.

    One box gives whole-pixel points that jump; the mean over several slightly moved boxes is steadier and nearer to
    hand-labelled points. In a video the box follows the points of the frame before, which is faster than detection and
    also holds on to turned faces that the box detector misses.

    Args:
        model: Path of `shape_predictor_68_face_landmarks.dat`; by default it is looked for.
        num_boxes: How many boxes are averaged, 1 to 9.
        max_spread: A tracked face counts as lost when the predictions of its boxes differ by more than this (root mean
            square over points, in box sides). On faces it stays below 0.02.

    Raises:
        FileNotFoundError: The model file is nowhere to be found.
        ImportError: dlib is not installed.
    """

    def __init__(self, *, model: Path | None = None, num_boxes: int = 9, max_spread: float = 0.035) -> None:
        if not 1 <= num_boxes <= len(_JITTERS):
            raise ValueError(f"expected num_boxes between 1 and {len(_JITTERS)}, got {num_boxes}")
        self._detector, self._predictor = _load(model or find_dlib_model())
        self.num_boxes = num_boxes
        self.max_spread = max_spread

    @property
    def name(self) -> str:
        """What files record as the detector."""
        import dlib

        return f"dlib-{dlib.__version__}/{self.num_boxes}-boxes"

    @property
    def batch_size(self) -> int:
        """Frames are best given one at a time: each is looked at where the one before had the face."""
        return 1

    def detect(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Detection]:
        """Find every face of one picture, the largest first; an empty list where there is none."""
        return [self._refine(image, box)[0] for box in self._find_boxes(image)]

    def track(
        self, images: Sequence[UInt8[np.ndarray, "h w 3"]], previous: Float[torch.Tensor, "k d"]
    ) -> list[Detection | None]:
        """Follow the face that was at `previous` just before the first image; None from where it is gone."""
        found: list[Detection | None] = []
        points = previous
        for image in images:
            detection, spread = self._refine(image, box_from_points(points.numpy()))
            if spread > self.max_spread:
                break
            found.append(detection)
            points = detection[0]
        return found + [None] * (len(images) - len(found))

    def _find_boxes(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Box]:
        """Return the boxes of faces, the largest first."""
        found: list[tuple[Box, float]] = []
        for longest in _DETECTION_SIDES:
            scale = min(longest / max(image.shape[:2]), _MAX_ENLARGEMENT)
            interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            scaled = cv2.resize(image, None, fx=scale, fy=scale, interpolation=interpolation)
            lowest = 0.0 if longest == _DETECTION_SIDES[0] else _SURE_SCORE
            for r, score, _ in zip(*self._detector.run(scaled, 0, lowest), strict=True):
                box = (r.center().x / scale, r.center().y / scale, r.width() / scale)
                if all(np.hypot(box[0] - x, box[1] - y) > max(box[2], side) / 2 for (x, y, side), _ in found):
                    found.append((box, score))
            if scale == _MAX_ENLARGEMENT:
                break
        sure = [box for box, score in found if score >= _SURE_SCORE]
        return sorted(sure or [box for box, _ in found], key=lambda box: -box[2])

    def _refine(self, image: UInt8[np.ndarray, "h w 3"], box: Box) -> tuple[Detection, float]:
        """Return the detection, and how far the predictions of its boxes are apart (in box sides)."""
        import dlib

        x, y, side = box
        scale = _BOX_SIDE_IN_CROP / side
        offset = np.array([_CROP_SIDE / 2 - x * scale, _CROP_SIDE / 2 - y * scale])
        to_crop = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])
        if scale < 0.5:  # warping alone would alias: take every pixel into account first
            shrink = 2 * scale
            image = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
            to_crop[:, :2] /= shrink
        crop = cv2.warpAffine(
            image, to_crop, (_CROP_SIDE, _CROP_SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        predictions = []
        for dx, dy, zoom in _JITTERS[: self.num_boxes]:
            centre = np.array([_CROP_SIDE / 2 + dx * _BOX_SIDE_IN_CROP, _CROP_SIDE / 2 + dy * _BOX_SIDE_IN_CROP])
            low = np.round(centre - _BOX_SIDE_IN_CROP * zoom / 2).astype(int)
            high = np.round(centre + _BOX_SIDE_IN_CROP * zoom / 2).astype(int)
            shape = self._predictor(crop, dlib.rectangle(int(low[0]), int(low[1]), int(high[0]), int(high[1])))
            predictions.append([(point.x, point.y) for point in shape.parts()])
        stacked = np.asarray(predictions, dtype=np.float64)
        spread = float(np.sqrt(stacked.var(axis=0).sum(axis=-1).mean())) / _BOX_SIDE_IN_CROP
        points = (stacked.mean(axis=0) - offset) / scale
        return (torch.from_numpy(points).float(), torch.ones(len(points))), spread


def box_from_points(points: Float[np.ndarray, "k d"]) -> Box:
    """Return the box that dlib's face detector would draw around these points: centre x, centre y, side, pixels."""
    side = float((points.max(axis=0) - points.min(axis=0)).mean()) * _BOX_SIDE
    x, y = points[_INNER_POINTS].mean(axis=0)
    return float(x), float(y), side
