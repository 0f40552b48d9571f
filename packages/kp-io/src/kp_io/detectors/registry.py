"""Create detectors by name."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Literal

from kp_io.detectors.precomputed_source import Annotator


def _dlib(weights: Path | None, device: str) -> Annotator:
    from kp_io.detectors.dlib import DlibDetector

    _only_cpu("dlib", device)
    try:
        return DlibDetector(model=weights)
    except RuntimeError as error:
        raise ValueError(f"expected dlib's model of 68 points, got {weights}: {error}") from error


def _face_alignment(weights: Path | None, device: str, *, dimensions: Literal[2, 3] = 2) -> Annotator:
    from kp_io.detectors.face_alignment.detector import FaceAlignmentDetector

    return FaceAlignmentDetector(weights=weights, device=device, dimensions=dimensions)


def _mediapipe(weights: Path | None, device: str) -> Annotator:
    from kp_io.detectors.mediapipe import MediaPipeDetector

    _only_cpu("mediapipe", device)
    return MediaPipeDetector(weights=weights)


def _precomputed(weights: Path | None, device: str) -> Annotator:
    from kp_io.detectors.precomputed_source import PrecomputedPoints

    _only_cpu("precomputed", device)
    return PrecomputedPoints(weights)


#: Detectors that `make_detector` knows, the default first.
DETECTORS: dict[str, Callable[[Path | None, str], Annotator]] = {
    "dlib": _dlib,
    "face-alignment": _face_alignment,
    "face-alignment-3d": partial(_face_alignment, dimensions=3),
    "mediapipe": _mediapipe,
    "precomputed": _precomputed,
}


def make_detector(name: str = "dlib", *, weights: Path | None = None, device: str = "cpu") -> Annotator:
    """Return the detector with this name; only its own library is imported.

    Args:
        name: `dlib`, `face-alignment`, `face-alignment-3d`, `mediapipe` or `precomputed`.
        weights: dlib's `.dat`, face-alignment's folder of weights, MediaPipe's `face_landmarker.task`, or the folder or
            file of precomputed keypoints. None uses the weights of an installed package, if any, and searches for
            precomputed keypoints beside the videos.
        device: `cpu` or, for face-alignment, any torch device.

    Raises:
        ValueError: There is no such detector, it does not support the device, or the weights are not for it.
        FileNotFoundError: The weights are not found.
        ImportError: The detector's library is not installed.

    Example:
        >>> make_detector("precomputed").name
        'precomputed'
        >>> make_detector("media-pipe")
        Traceback (most recent call last):
        ValueError: expected a detector out of dlib, face-alignment, face-alignment-3d, mediapipe, precomputed, got
        'media-pipe'; did you mean mediapipe?
    """
    _check_name(name)
    if weights is not None and not weights.exists():
        raise FileNotFoundError(f"expected the weights of {name}, found nothing at {weights}")
    return DETECTORS[name](weights, device)


@dataclass(frozen=True, slots=True)
class DetectorChoice:
    """Name and options of a detector: a small, comparable factory that worker processes receive and call.

    Attributes:
        name: Name for `make_detector`.
        weights: Weights for `make_detector`.
        device: Device for `make_detector`.

    Raises:
        ValueError: There is no such detector.

    Example:
        >>> DetectorChoice("precomputed")().name
        'precomputed'
    """

    name: str = "dlib"
    weights: Path | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        _check_name(self.name)

    def __call__(self) -> Annotator:
        """Return a new detector."""
        return make_detector(self.name, weights=self.weights, device=self.device)


def _check_name(name: str) -> None:
    if name in DETECTORS:
        return
    near = get_close_matches(name.lower(), DETECTORS, n=2, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise ValueError(f"expected a detector out of {', '.join(DETECTORS)}, got {name!r}{hint}")


def _only_cpu(name: str, device: str) -> None:
    if device != "cpu":
        raise ValueError(f"expected the device cpu for {name}, which supports no other, got {device!r}")
