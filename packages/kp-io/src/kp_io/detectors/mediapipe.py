"""MediaPipe's Face Landmarker: the fastest on a CPU, with accurate lip closures; 68 of its 478 mesh points."""

import hashlib
import weakref
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from kp_io.detectors.base import Detection
from kp_io.detectors.mediapipe_mesh import MESH_TO_IBUG68
from kp_io.extras import how_to_install

_GET_WEIGHTS = (
    "MediaPipe's packages contain no model: download https://storage.googleapis.com/mediapipe-models/face_landmarker/"
    "face_landmarker/float16/1/face_landmarker.task and give its path, --weights on the command line"
)

# The networks of a bundle; the second one predicts the points.
_MEMBERS = ("face_detector.tflite", "face_landmarks_detector.tflite")

# Maximum number of faces of an image; it costs nothing if there are fewer.
_MAX_FACES = 10

# Parts of an image are searched down to this size, pixels, which finds a face of 60 px.
_MIN_TILED_SIZE = 600

# Side of the crop in which a face is tracked, in longer sides of its bounding box. It leaves half a face on every side
# for movement between two frames.
_CROP_SIDE = 2.0

# A tracked face is lost if the nearest one in the crop is further away than this, in sizes of the face.
_MAX_DISTANCE = 0.5


class MediaPipeDetector:
    """Detector of 478 mesh points with MediaPipe's Face Landmarker, reduced to the 68 iBUG points.

    A face is tracked by detection in the crop around its last position, frame by frame. MediaPipe's video mode is
    unsuitable: it smooths over time with a filter that depends on earlier frames, cannot track a chosen one of several
    faces, and does not go back in time.

    Args:
        weights: Path of `face_landmarker.task`.

    Raises:
        ValueError: No path is given, or the file is not such a bundle.
        FileNotFoundError: There is no such file.
        ImportError: mediapipe is not installed.
    """

    def __init__(self, *, weights: Path | None) -> None:
        if weights is None:
            raise ValueError(f"expected the path of face_landmarker.task, got none. {_GET_WEIGHTS}")
        bundle = _read_bundle(weights)
        self._landmarker, self._version = _landmarker(bundle, weights)
        self._digest = hashlib.sha256(bundle).hexdigest()[:8]
        # The garbage collector would close the library only after the modules that closing needs are gone.
        weakref.finalize(self, self._landmarker.close)

    @property
    def name(self) -> str:
        """The detector's name in files: the library's version and the digest of the model file."""
        return f"mediapipe-{self._version}/{self._digest}"

    @property
    def batch_size(self) -> int:
        """1: each frame is searched around the face of the previous one."""
        return 1

    def detect(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Detection]:
        """Find all faces of an image, the largest first; return an empty list if there is none."""
        for boxes in _views(image.shape[0], image.shape[1]):
            found = sorted((face for box in boxes for face in self._find(image, box)), key=_size, reverse=True)
            if found:
                faces = [_detection(face) for face in _distinct(found)]
                # A second detection in the crop is a tenth closer to manual labels.
                return [self.track([image], points)[0] or (points, scores) for points, scores in faces]
        return []

    def track(
        self, images: Sequence[UInt8[np.ndarray, "_ _ 3"]], previous: Float[torch.Tensor, "k d"]
    ) -> list[Detection | None]:
        """Track the face at `previous` in the frame before the first image; None once it is lost."""
        found: list[Detection | None] = []
        points = previous.numpy()
        for image in images:
            faces = self._find(image, _box_around(points))
            nearest = min(faces, key=lambda face: _distance(face, points), default=None)
            if nearest is None or _distance(nearest, points) > _MAX_DISTANCE:
                break
            found.append(_detection(nearest))
            points = nearest
        return found + [None] * (len(images) - len(found))

    def _find(self, image: UInt8[np.ndarray, "h w 3"], box: tuple[int, int, int, int]) -> list[np.ndarray]:
        """Return the 68 points of every face in a box (left, top, right, bottom), which may exceed the image."""
        import mediapipe

        left, top, right, bottom = box
        height, width = image.shape[:2]
        inside = image[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
        if inside.size == 0:
            return []
        crop = cv2.copyMakeBorder(
            inside,
            max(0, -top),
            max(0, bottom - max(top, height)),
            max(0, -left),
            max(0, right - max(left, width)),
            cv2.BORDER_CONSTANT,
            value=(0, 0, 0),
        )
        size = np.array([crop.shape[1], crop.shape[0]])
        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(crop))
        meshes = self._landmarker.detect(picture).face_landmarks
        points = [np.array([(mesh[i].x, mesh[i].y) for i in MESH_TO_IBUG68]) for mesh in meshes]
        # The library's coordinates run from edge to edge, 0 to 1; pixel centres are half a pixel inside.
        return [face * size - 0.5 + (left, top) for face in points]


def _read_bundle(path: Path) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(f"expected face_landmarker.task, found no file {path}. {_GET_WEIGHTS}")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"expected a face_landmarker.task, got {path}, which is no bundle of models. {_GET_WEIGHTS}")
    with zipfile.ZipFile(path) as bundle:
        missing = [name for name in _MEMBERS if name not in bundle.namelist()]
    if missing:
        raise ValueError(f"expected a face_landmarker.task with {missing[0]}, got {path} without. {_GET_WEIGHTS}")
    return path.read_bytes()


def _landmarker(bundle: bytes, path: Path) -> tuple[Any, str]:
    """Return a landmarker for single pictures, and the library's version."""
    try:
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision
    except ImportError as error:
        raise ImportError(
            f"the detector mediapipe needs MediaPipe: {how_to_install('mediapipe')}, and then "
            "`pip install --no-deps mediapipe`, which keeps a second OpenCV out"
        ) from error
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_buffer=bundle), running_mode=vision.RunningMode.IMAGE, num_faces=_MAX_FACES
    )
    try:
        landmarker = vision.FaceLandmarker.create_from_options(options)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"expected a face_landmarker.task that MediaPipe can load, got {path}: {error}") from error
    return landmarker, mediapipe.__version__


def _views(height: int, width: int) -> Iterator[list[tuple[int, int, int, int]]]:
    """Yield sets of boxes to search for faces; each set is needed only if the earlier ones contain no face.

    The face detection network sees 128 pixels: it misses small faces, and a face that fills the image.
    """
    yield [(0, 0, width, height)]
    yield [(-width // 2, -height // 2, width + width // 2, height + height // 2)]
    side = max(height, width)
    while side > _MIN_TILED_SIZE:
        side //= 2
        yield [(x, y, x + side, y + side) for y in _starts(height, side) for x in _starts(width, side)]


def _starts(length: int, side: int) -> list[int]:
    """Return the starts of boxes with this side that cover a length and overlap by half."""
    count = max(1, -(-2 * (length - side) // side) + 1)
    return [round(i * (length - side) / max(1, count - 1)) for i in range(count)]


def _distinct(faces: list[np.ndarray]) -> list[np.ndarray]:
    """Return the faces in order, without duplicates from other boxes."""
    kept: list[np.ndarray] = []
    for face in faces:
        if all(_distance(face, other) > _MAX_DISTANCE for other in kept):
            kept.append(face)
    return kept


def _box_around(points: Float[np.ndarray, "k d"]) -> tuple[int, int, int, int]:
    low, high = points.min(axis=0), points.max(axis=0)
    half = max(1.0, float((high - low).max())) * _CROP_SIDE / 2
    (left, top), (right, bottom) = np.round((low + high) / 2 - half), np.round((low + high) / 2 + half)
    return int(left), int(top), int(right) + 1, int(bottom) + 1


def _size(points: Float[np.ndarray, "k d"]) -> float:
    return float((points.max(axis=0) - points.min(axis=0)).max())


def _distance(points: Float[np.ndarray, "k d"], other: Float[np.ndarray, "k d"]) -> float:
    """Return the distance of two faces, in sizes of the second one."""
    return float(np.linalg.norm(points.mean(axis=0) - other.mean(axis=0))) / max(1.0, _size(other))


def _detection(points: Float[np.ndarray, "k d"]) -> Detection:
    # The library gives no scores of single points.
    return torch.from_numpy(points).float(), torch.ones(len(points))
