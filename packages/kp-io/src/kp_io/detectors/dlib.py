"""The default detector: dlib's 68-point regression trees, small and offline."""

from collections.abc import Sequence
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from kp_io.detectors.base import Detection
from kp_io.detectors.face_boxes import FaceBox, box_from_points, crop_box, find_face_boxes
from kp_io.detectors.face_search import search_face_boxes
from kp_io.extras import how_to_install

Points = Float[np.ndarray, "k 2"]
Jitters = tuple[tuple[float, float, float], ...]

_MODEL_FILE = "shape_predictor_68_face_landmarks.dat"
_MODEL_FOLDERS = ("/usr/share/dlib", "/usr/local/share/dlib")

# The trees compare single pixels and work best at one face size: the crop is scaled to this many pixels.
_CROP_SIDE = 300
_BOX_SIDE_IN_CROP = 180

# Shifts (in box sides) and scales of the boxes whose predictions are averaged into sub-pixel points. They are small
# around a detected box, since the trees were trained on such boxes, and large in a video, which makes the mean less
# sensitive to the exact position of the box.
_SMALL_JITTERS = (
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
_LARGE_RADIUS = 0.08
_LARGE_ZOOM = 0.06

# Correcting the full roll of a head is no better than correcting half of it: the trees were trained on rolled heads,
# and an error of the estimated roll does half the harm.
_ROLL_SHARE = 0.5

# If a face moves further than this (in box sides) between two frames, the prediction is repeated around its new place.
_FAR_MOVE = 0.1
_MAX_PREDICTIONS = 4


def find_dlib_model() -> Path:
    """Return the path of dlib's 68-point model file.

    The package `face-recognition-models` (located, not imported) and the folders of Linux distributions are searched.

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
        f"install it with {how_to_install('dlib')} or pass model=PATH"
    )


@cache
def _load(model: Path) -> tuple[Any, Any]:
    try:
        import dlib
    except ImportError as error:
        raise ImportError(f"the dlib detector needs dlib: {how_to_install('dlib')}") from error
    return dlib.get_frontal_face_detector(), dlib.shape_predictor(str(model))


class DlibDetector:
    """Detector of the 68 iBUG points with dlib: HOG face boxes, then regression trees over slightly shifted boxes.

    One box gives whole-pixel points that jitter; the mean over several shifted boxes is steadier and closer to manual
    labels. In a video the box follows the points of the previous frame, which is faster than detection and also keeps
    turned faces that the box detector misses.

    Args:
        model: Path of `shape_predictor_68_face_landmarks.dat`; by default `find_dlib_model()`.
        num_boxes: Number of boxes averaged in a video, at least 1; a single image uses up to 9.
        max_spread: A tracked face counts as lost if the predictions of its boxes differ by more than this (root mean
            square over points, in box sides). On faces it stays below 0.03.

    Raises:
        FileNotFoundError: The model file is not found.
        ImportError: dlib is not installed.
        ValueError: `num_boxes` is less than 1.
    """

    def __init__(self, *, model: Path | None = None, num_boxes: int = 13, max_spread: float = 0.05) -> None:
        if num_boxes < 1:
            raise ValueError(f"expected num_boxes of at least 1, got {num_boxes}")
        self._detector, self._predictor = _load(model or find_dlib_model())
        self._jitters = _large_jitters(num_boxes)
        self.num_boxes = num_boxes
        self.max_spread = max_spread

    @property
    def name(self) -> str:
        """The detector's name in files."""
        import dlib

        return f"dlib-{dlib.__version__}/{self.num_boxes}-boxes"

    @property
    def batch_size(self) -> int:
        """1: each frame is searched around the face of the previous one."""
        return 1

    def detect(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Detection]:
        """Find all faces of an image, the largest first; return an empty list if there is none."""
        boxes = find_face_boxes(image, scan=self._scan, fit=lambda pixels, box: self._fit(pixels, box, _SMALL_JITTERS))
        return [_detection(self._refine(image, box)) for box in boxes]

    def search(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Detection]:
        """Find the faces of an image that `detect` misses, by turning, lighting and enlarging it, in some seconds."""
        fit = partial(self._fit, jitters=_SMALL_JITTERS)
        boxes = search_face_boxes(image, scan=self._scan, fit=fit)
        return [_detection(self._refine(image, box)) for box in boxes]

    def track(
        self, images: Sequence[UInt8[np.ndarray, "_ _ 3"]], previous: Float[torch.Tensor, "k d"]
    ) -> list[Detection | None]:
        """Track the face at `previous` in the frame before the first image; None once it is lost."""
        found: list[Detection | None] = []
        points = previous.double().numpy()
        for image in images:
            points, spread = self._track_frame(image, points)
            if spread > self.max_spread:
                break
            found.append(_detection(points))
        return found + [None] * (len(images) - len(found))

    def _refine(self, image: UInt8[np.ndarray, "h w 3"], box: FaceBox) -> Points:
        """Average the predictions around the box and around its points, weighted by their inverse squared spread."""
        first, spread = self._fit(image, box, _SMALL_JITTERS[: self.num_boxes])
        around = box_from_points(first)
        roll = box.roll + _ROLL_SHARE * _angle(around.roll - box.roll)
        second, spread2 = self._fit(image, around._replace(roll=roll), _SMALL_JITTERS[: self.num_boxes])
        if spread == 0:  # of a single box
            return first
        weight = spread2**2 / (spread**2 + spread2**2)
        return np.asarray(weight * first + (1 - weight) * second)

    def _track_frame(self, image: UInt8[np.ndarray, "h w 3"], points: Points) -> tuple[Points, float]:
        box = box_from_points(points)
        for _ in range(_MAX_PREDICTIONS):
            points, spread = self._fit(image, box._replace(roll=_ROLL_SHARE * box.roll), self._jitters)
            previous, box = box, box_from_points(points)
            if previous.distance(box) <= _FAR_MOVE:
                break
        return points, spread

    def _scan(self, image: UInt8[np.ndarray, "h w 3"], lowest: float) -> list[tuple[FaceBox, float]]:
        """Return the boxes of dlib's face detector at the image's own size, with their scores."""
        found = zip(*self._detector.run(image, 0, lowest), strict=True)
        return [(FaceBox(r.center().x, r.center().y, r.width()), float(score)) for r, score, _ in found]

    def _fit(self, image: UInt8[np.ndarray, "h w 3"], box: FaceBox, jitters: Jitters) -> tuple[Points, float]:
        """Return the points, and the spread of the predictions of the shifted boxes (in box sides)."""
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


def _angle(radians: float) -> float:
    """Return the same angle within half a turn to either side."""
    return radians if abs(radians) <= np.pi else radians - 2 * np.pi * round(radians / (2 * np.pi))


def _large_jitters(count: int) -> Jitters:
    """Return the box itself and boxes on a circle around it, alternately larger and smaller."""
    angles = 2 * np.pi * np.arange(count - 1) / max(1, count - 1)
    circle = [
        (float(_LARGE_RADIUS * np.cos(angle)), float(_LARGE_RADIUS * np.sin(angle)), 1 + _LARGE_ZOOM * (-1) ** i)
        for i, angle in enumerate(angles)
    ]
    return ((0.0, 0.0, 1.0), *circle)


def _detection(points: Points) -> Detection:
    return torch.from_numpy(points).float(), torch.ones(len(points))
