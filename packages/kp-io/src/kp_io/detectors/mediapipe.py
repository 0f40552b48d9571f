"""MediaPipe's Face Landmarker: the quickest on a CPU, with closed lips that close; 478 mesh points, of which 68."""

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

_GET_WEIGHTS = (
    "MediaPipe's packages bring no model: download https://storage.googleapis.com/mediapipe-models/face_landmarker/"
    "face_landmarker/float16/1/face_landmarker.task and give its path, --weights on the command line"
)

# The networks of a bundle, of which the second one gives the points.
_MEMBERS = ("face_detector.tflite", "face_landmarks_detector.tflite")

# Faces of one picture: more cost only where there are more.
_MOST_FACES = 10

# Parts of a picture are looked at down to this size, pixels: a face of 60 px is then found.
_LARGEST_VIEW = 600

# Side of the crop in which a face is followed, in longer sides of its points' bounding box: what is left for movement
# between two frames is half a face on every side.
_CROP_SIDE = 2.0

# A followed face is gone when what the crop shows is further away than this, in sizes of the face.
_FARTHEST = 0.5


class MediaPipeDetector:
    """Finds 478 mesh points with MediaPipe's Face Landmarker and returns the 68 that stand for iBUG's.

    A face is followed by looking at the crop around where it was, each frame on its own. MediaPipe's mode for videos
    would not do: it smooths over time with a filter that the frames before have set, cannot be told which of several
    faces to follow, and does not go back in time.

    Args:
        weights: Path of `face_landmarker.task`.

    Raises:
        ValueError: No path is given, or the file is no such bundle.
        FileNotFoundError: There is no such file.
        ImportError: mediapipe is not installed.
    """

    def __init__(self, *, weights: Path | None) -> None:
        if weights is None:
            raise ValueError(f"expected the path of face_landmarker.task, got none. {_GET_WEIGHTS}")
        bundle = _read_bundle(weights)
        self._landmarker, self._version = _landmarker(bundle, weights)
        self._digest = hashlib.sha256(bundle).hexdigest()[:8]
        # Left to the garbage collector, the library closes itself after what it needs for it is gone.
        weakref.finalize(self, self._landmarker.close)

    @property
    def name(self) -> str:
        """What files record as the detector: the library's version, and the digest of the model's file."""
        return f"mediapipe-{self._version}/{self._digest}"

    @property
    def batch_size(self) -> int:
        """Frames are best given one at a time: each is looked at where the one before had the face."""
        return 1

    def detect(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Detection]:
        """Find every face of one picture, the largest first; an empty list where there is none."""
        for boxes in _views(image.shape[0], image.shape[1]):
            found = sorted((face for box in boxes for face in self._find(image, box)), key=_size, reverse=True)
            if found:
                faces = [_detection(face) for face in _different(found)]
                # A second look, at the crop, is nearer to hand-labelled points by a tenth.
                return [self.track([image], points)[0] or (points, scores) for points, scores in faces]
        return []

    def track(
        self, images: Sequence[UInt8[np.ndarray, "h w 3"]], previous: Float[torch.Tensor, "k d"]
    ) -> list[Detection | None]:
        """Follow the face that was at `previous` just before the first image; None from where it is gone."""
        found: list[Detection | None] = []
        points = previous.numpy()
        for image in images:
            faces = self._find(image, _box_around(points))
            nearest = min(faces, key=lambda face: _distance(face, points), default=None)
            if nearest is None or _distance(nearest, points) > _FARTHEST:
                break
            found.append(_detection(nearest))
            points = nearest
        return found + [None] * (len(images) - len(found))

    def _find(self, image: UInt8[np.ndarray, "h w 3"], box: tuple[int, int, int, int]) -> list[np.ndarray]:
        """Return the 68 points of every face within a box (left, top, right, bottom), which may leave the picture."""
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
        # The library counts from the picture's edge, 0 to 1; a pixel's centre is half a pixel from its edge.
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
            'the detector mediapipe needs MediaPipe: `pip install "kp-io[mediapipe]"`, and then '
            "`pip install --no-deps mediapipe`, which keeps a second OpenCV out"
        ) from error
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_buffer=bundle),
        running_mode=vision.RunningMode.IMAGE,
        num_faces=_MOST_FACES,
    )
    try:
        landmarker = vision.FaceLandmarker.create_from_options(options)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"expected a face_landmarker.task that MediaPipe can load, got {path}: {error}") from error
    return landmarker, mediapipe.__version__


def _views(height: int, width: int) -> Iterator[list[tuple[int, int, int, int]]]:
    """Yield sets of boxes to look for faces in, each only needed when there was none in those before.

    The network that finds the faces sees 128 pixels: it misses a face that fills the picture, and small ones.
    """
    yield [(0, 0, width, height)]
    yield [(-width // 2, -height // 2, width + width // 2, height + height // 2)]
    side = max(height, width)
    while side > _LARGEST_VIEW:
        side //= 2
        yield [(x, y, x + side, y + side) for y in _starts(height, side) for x in _starts(width, side)]


def _starts(length: int, side: int) -> list[int]:
    """Return where boxes of one side begin that cover a length and overlap by half."""
    count = max(1, -(-2 * (length - side) // side) + 1)
    return [round(i * (length - side) / max(1, count - 1)) for i in range(count)]


def _different(faces: list[np.ndarray]) -> list[np.ndarray]:
    """Return the faces, largest first, without those that another view has found too."""
    kept: list[np.ndarray] = []
    for face in faces:
        if all(_distance(face, other) > _FARTHEST for other in kept):
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
    """Return how far two faces are apart, in sizes of the second one."""
    return float(np.linalg.norm(points.mean(axis=0) - other.mean(axis=0))) / max(1.0, _size(other))


def _detection(points: Float[np.ndarray, "k d"]) -> Detection:
    # The library gives no score a point.
    return torch.from_numpy(points).float(), torch.ones(len(points))
