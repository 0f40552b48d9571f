"""From pictures and videos to keypoints: detect, track, fill gaps."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from kp_io.detector import Detection, LandmarkDetector, NoFaceFoundError
from kp_io.image import read_image
from kp_io.sequence import KeypointSequence
from kp_io.transforms import interpolate_missing
from kp_io.video import read_video

__all__ = ["annotate_frames", "annotate_image", "annotate_video", "default_detector"]

# A tracked face is compared with freshly detected ones this often, so that a track cannot live on in the wallpaper.
_CHECK_EVERY_SECONDS = 2.0

# When a lost face is found, it is followed back into the frames before, of which this many are kept.
_BACKTRACK_SECONDS = 2.0


def default_detector() -> LandmarkDetector:
    """Return the detector that works offline on any machine: dlib's 68 points."""
    from kp_io.detectors.dlib import DlibDetector

    return DlibDetector()


def annotate_image(
    image: Path | str | UInt8[np.ndarray, "h w 3"], *, detector: LandmarkDetector | None = None, face: int = 0
) -> KeypointSequence:
    """Find the keypoints of one face in a picture.

    Args:
        image: A picture file, or RGB pixels.
        detector: What finds the points; by default `default_detector()`.
        face: Which face, 0 being the largest.

    Returns:
        A sequence of one frame.

    Raises:
        NoFaceFoundError: There is no face, or fewer than `face` + 1.
        ValueError: The file is no readable picture.
    """
    name = "the picture" if isinstance(image, np.ndarray) else str(image)
    pixels = image if isinstance(image, np.ndarray) else read_image(image)
    detector = detector or default_detector()
    points, scores = _pick(detector.detect(pixels), face, where=name, detector=detector, image=pixels)
    return KeypointSequence(
        points[None], scores[None], image_size=(pixels.shape[0], pixels.shape[1]), detector=detector.name
    )


def annotate_video(
    path: Path | str,
    *,
    detector: LandmarkDetector | None = None,
    fps: float = 25.0,
    face: int = 0,
    on_frame: Callable[[int], None] | None = None,
) -> KeypointSequence:
    """Find the keypoints of one face in every frame of a video.

    Args:
        path: A video file of any container and frame rate.
        detector: What finds the points; by default `default_detector()`.
        fps: Frames a second of the result.
        face: Which face, 0 being the largest of the first frame that has any.
        on_frame: Called with the number of frames done so far.

    Returns:
        A sequence of round(duration × fps) frames. Frames in which the face was lost are interpolated; their scores
        are 0.

    Raises:
        NoFaceFoundError: No frame shows a face, or none has `face` + 1 of them.
        ValueError: The file is no readable video.
    """
    frames = read_video(path, fps=fps)
    return annotate_frames(frames, fps=fps, detector=detector, face=face, on_frame=on_frame, name=str(path))


def annotate_frames(
    frames: Iterable[UInt8[np.ndarray, "h w 3"]],
    *,
    fps: float = 25.0,
    detector: LandmarkDetector | None = None,
    face: int = 0,
    on_frame: Callable[[int], None] | None = None,
    name: str = "the video",
) -> KeypointSequence:
    """Find the keypoints of one face in RGB frames, as `annotate_video` does; `name` stands in its errors."""
    detector = detector or default_detector()
    follower = _Follower(detector, face=face, fps=fps)
    image = None
    for chunk in _chunks(frames, detector.batch_size):
        image = chunk[-1]
        follower.follow(chunk)
        if on_frame is not None:
            on_frame(len(follower.found))
    found, last_seen = follower.found, follower.last_seen
    if image is None:
        raise ValueError(f"expected a video with at least one frame, got none from {name}")
    if last_seen is None:
        which = "no face" if face == 0 else f"no frame with {face + 1} faces"
        raise NoFaceFoundError(
            f"{which} was found in any of the {len(found)} frames of {name} ({image.shape[1]}×{image.shape[0]} px, "
            f"{detector.name}); expected a face of at least 60 px, turned no more than about 60 degrees"
        )
    measured = torch.tensor([detection is not None for detection in found])
    points = torch.stack([torch.zeros_like(last_seen) if d is None else d[0] for d in found])
    scores = torch.stack([torch.zeros(len(last_seen)) if d is None else d[1] for d in found])
    return KeypointSequence(
        interpolate_missing(points, measured),
        scores,
        fps=fps,
        image_size=(image.shape[0], image.shape[1]),
        detector=detector.name,
    )


class _Follower:
    """Follows one face through a video that is given in chunks of consecutive frames."""

    def __init__(self, detector: LandmarkDetector, *, face: int, fps: float) -> None:
        self._detector, self._face = detector, face
        self._check_every = max(1, round(_CHECK_EVERY_SECONDS * fps))
        self._checked = 0
        self._lost: deque[tuple[int, np.ndarray]] = deque(maxlen=max(1, round(_BACKTRACK_SECONDS * fps)))
        self._current: Detection | None = None
        self.found: list[Detection | None] = []
        self.last_seen: Float[Tensor, "k d"] | None = None

    def follow(self, chunk: Sequence[UInt8[np.ndarray, "h w 3"]]) -> None:
        """Take in the next frames."""
        done = 0
        while done < len(chunk):
            if self._current is not None:
                tracked = self._detector.track(chunk[done:], self._current[0])
                kept = next((i for i, detection in enumerate(tracked) if detection is None), len(tracked))
                for detection in tracked[:kept]:
                    self._add(detection)
                done += kept
            if done < len(chunk):
                self._current = None
                self._add(self._detected(chunk[done], None), chunk[done])
                done += 1
        if self._current is not None and len(self.found) - self._checked >= self._check_every:
            kept_or_other = self._detected(chunk[-1], self.found.pop())
            self._add(kept_or_other, chunk[-1])

    def _detected(self, image: UInt8[np.ndarray, "h w 3"], tracked: Detection | None) -> Detection | None:
        self._checked = len(self.found) + 1
        detected = self._detector.detect(image)
        return _choose(detected, face=self._face, tracked=tracked, last_seen=self.last_seen)

    def _add(self, detection: Detection | None, image: UInt8[np.ndarray, "h w 3"] | None = None) -> None:
        self._current = detection
        self.found.append(detection)
        if detection is not None:
            self.last_seen = detection[0]
            self._track_back()
        elif image is not None:
            self._lost.append((len(self.found) - 1, image))

    def _track_back(self) -> None:
        """Follow the newest face back into the lost frames, as far as it can be seen; forget them all."""
        if not self._lost or self._current is None:
            return
        indices, images = zip(*reversed(self._lost), strict=True)
        for index, detection in zip(indices, self._detector.track(images, self._current[0]), strict=True):
            self.found[index] = detection
        self._lost.clear()


def _chunks(
    frames: Iterable[UInt8[np.ndarray, "h w 3"]], size: int
) -> Iterator[tuple[UInt8[np.ndarray, "h w 3"], ...]]:
    """Yield the frames in tuples of `size`, the last one shorter."""
    rest = iter(frames)
    while chunk := tuple(islice(rest, size)):
        yield chunk


def _choose(
    detected: list[Detection], *, face: int, tracked: Detection | None, last_seen: Float[Tensor, "k d"] | None
) -> Detection | None:
    """Return the face to go on with: the tracked one where it is confirmed or unseen, else the nearest or the n-th."""
    if last_seen is None:
        return detected[face] if face < len(detected) else None
    if tracked is not None:
        # The box detector misses turned faces, so finding nothing says nothing; only faces elsewhere end a track.
        confirmed = not detected or any(_distance(d[0], tracked[0]) < 0.5 for d in detected)
        if confirmed:
            return tracked
    return min(detected, key=lambda d: _distance(d[0], last_seen), default=None)


def _distance(points: Float[Tensor, "k d"], other: Float[Tensor, "k d"]) -> float:
    """Return how far two faces are apart, in sizes of the second one."""
    size = (other.amax(dim=0) - other.amin(dim=0)).max().clamp(min=1.0)
    return float((points.mean(dim=0) - other.mean(dim=0)).norm() / size)


def _pick(
    detected: list[Detection],
    face: int,
    *,
    where: str,
    detector: LandmarkDetector,
    image: UInt8[np.ndarray, "h w 3"],
) -> Detection:
    if not detected:
        raise NoFaceFoundError(
            f"no face was found in {where} ({image.shape[1]}×{image.shape[0]} px, {detector.name}); expected a face of "
            "at least 60 px, upright and turned no more than about 60 degrees: try a larger or a more frontal picture"
        )
    if not 0 <= face < len(detected):
        raise NoFaceFoundError(
            f"expected face to be between 0 and {len(detected) - 1} for the {len(detected)} faces found in {where}, "
            f"got {face}"
        )
    return detected[face]
