"""dlib's 68-point regression trees: small, offline, and the default detector."""

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from kp_io.detectors.base import Detection
from kp_io.detectors.face_box import FaceBox, box_from_points, crop_box
from kp_io.detectors.face_boxes import find_face_boxes

Points = Float[np.ndarray, "k 2"]
Jitters = tuple[tuple[float, float, float], ...]

_MODEL_FILE = "shape_predictor_68_face_landmarks.dat"
_MODEL_FOLDERS = ("/usr/share/dlib", "/usr/local/share/dlib")

# The trees compare single pixels, so they see a face best at one size: the crop is scaled to this many pixels.
_CROP_SIDE = 300
_BOX_SIDE_IN_CROP = 180

# Shifts (in box sides) and scales of the boxes whose predictions are averaged into sub-pixel points. Around a box that
# the detector has drawn they are close, since the trees were trained on such boxes; in a video they are wide, which
# makes the mean depend less on where exactly the box lies.
_CLOSE = (
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
_WIDE_RADIUS = 0.08
_WIDE_ZOOM = 0.06

# A head that is turned upright by the whole of its roll is no better seen than one turned by half of it: the trees know
# rolled heads, and a roll that was misjudged does half the harm.
_ROLL_SHARE = 0.5

# A face that moves further than this (in box sides) from one frame to the next is looked at again from where it is.
_FAR_MOVE = 0.1
_MAX_LOOKS = 4


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

    One box gives whole-pixel points that jump; the mean over several moved boxes is steadier and nearer to points set
    by hand. In a video the box follows the points of the frame before, which is faster than detection and also holds
    on to turned faces that the box detector misses.

    Args:
        model: Path of `shape_predictor_68_face_landmarks.dat`; by default it is looked for.
        num_boxes: How many boxes are averaged in a video, at least 1; a still takes up to 9.
        max_spread: A tracked face counts as lost when the predictions of its boxes differ by more than this (root mean
            square over points, in box sides). On faces it stays below 0.03.

    Raises:
        FileNotFoundError: The model file is nowhere to be found.
        ImportError: dlib is not installed.
        ValueError: `num_boxes` is less than 1.
    """

    def __init__(self, *, model: Path | None = None, num_boxes: int = 13, max_spread: float = 0.05) -> None:
        if num_boxes < 1:
            raise ValueError(f"expected num_boxes of at least 1, got {num_boxes}")
        self._detector, self._predictor = _load(model or find_dlib_model())
        self._jitters = _wide(num_boxes)
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
        boxes = find_face_boxes(image, scan=self._scan, fit=lambda pixels, box: self._fit(pixels, box, _CLOSE))
        return [_detection(self._settle(image, box)) for box in boxes]

    def track(
        self, images: Sequence[UInt8[np.ndarray, "h w 3"]], previous: Float[torch.Tensor, "k d"]
    ) -> list[Detection | None]:
        """Follow the face that was at `previous` just before the first image; None from where it is gone."""
        found: list[Detection | None] = []
        points = previous.double().numpy()
        for image in images:
            points, spread = self._follow(image, points)
            if spread > self.max_spread:
                break
            found.append(_detection(points))
        return found + [None] * (len(images) - len(found))

    def _settle(self, image: UInt8[np.ndarray, "h w 3"], box: FaceBox) -> Points:
        """Return the mean of two looks, at the box and where its points are, by how well each agrees with itself."""
        first, spread = self._fit(image, box, _CLOSE[: self.num_boxes])
        again = box_from_points(first)
        second, other = self._fit(image, again._replace(roll=_ROLL_SHARE * again.roll), _CLOSE[: self.num_boxes])
        if spread == 0:  # of a single box
            return first
        weight = other**2 / (spread**2 + other**2)
        return np.asarray(weight * first + (1 - weight) * second)

    def _follow(self, image: UInt8[np.ndarray, "h w 3"], points: Points) -> tuple[Points, float]:
        box = box_from_points(points)
        for _ in range(_MAX_LOOKS):
            points, spread = self._fit(image, box._replace(roll=_ROLL_SHARE * box.roll), self._jitters)
            seen, box = box, box_from_points(points)
            if seen.distance(box) <= _FAR_MOVE:
                break
        return points, spread

    def _scan(self, image: UInt8[np.ndarray, "h w 3"], lowest: float) -> list[tuple[FaceBox, float]]:
        """Return the boxes that dlib's face detector draws in this very picture, with their scores."""
        found = zip(*self._detector.run(image, 0, lowest), strict=True)
        return [(FaceBox(r.center().x, r.center().y, r.width()), float(score)) for r, score, _ in found]

    def _fit(self, image: UInt8[np.ndarray, "h w 3"], box: FaceBox, jitters: Jitters) -> tuple[Points, float]:
        """Return the points, and how far the predictions of the moved boxes are apart (in box sides)."""
        import dlib

        crop = crop_box(image, box, size=_CROP_SIDE, side=_BOX_SIDE_IN_CROP)
        predictions = []
        for dx, dy, zoom in jitters:
            centre = _CROP_SIDE / 2 + _BOX_SIDE_IN_CROP * np.array([dx, dy])
            low = np.round(centre - _BOX_SIDE_IN_CROP * zoom / 2).astype(int)
            high = np.round(centre + _BOX_SIDE_IN_CROP * zoom / 2).astype(int)
            shape = self._predictor(crop.pixels, dlib.rectangle(int(low[0]), int(low[1]), int(high[0]), int(high[1])))
            predictions.append([(point.x, point.y) for point in shape.parts()])
        stacked = np.asarray(predictions, dtype=np.float64)
        spread = float(np.sqrt(stacked.var(axis=0).sum(axis=-1).mean())) / _BOX_SIDE_IN_CROP
        return crop.to_source(stacked.mean(axis=0)), spread


def _wide(count: int) -> Jitters:
    """Return the box itself and boxes on a circle around it, by turns larger and smaller."""
    angles = 2 * np.pi * np.arange(count - 1) / max(1, count - 1)
    circle = [
        (float(_WIDE_RADIUS * np.cos(angle)), float(_WIDE_RADIUS * np.sin(angle)), 1 + _WIDE_ZOOM * (-1) ** i)
        for i, angle in enumerate(angles)
    ]
    return ((0.0, 0.0, 1.0), *circle)


def _detection(points: Points) -> Detection:
    return torch.from_numpy(points).float(), torch.ones(len(points))
