"""Annotate images and videos with keypoints: detect, track, fill gaps."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from kp_io.annotation.shot_detection import cut_into_shots
from kp_io.annotation.tracking import FaceTracks
from kp_io.detectors.base import Detection, LandmarkDetector, NoFaceFoundError, ThoroughDetector
from kp_io.detectors.precomputed_source import Annotator, PrecomputedSource
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.still import read_still
from kp_io.media.video_reader import read_video
from kp_io.transforms import interpolate_missing

#: Which of several faces is tracked: the largest in a shot's first frame with any, or the one visible longest.
TrackChoice = Literal["largest", "persistent"]

# Number of faces tracked at once to find the one visible longest; more only if `face` needs it.
_MAX_TRACKED = 4


def default_detector() -> LandmarkDetector:
    """Return the default detector, dlib's 68 points, which works offline on any machine."""
    from kp_io.detectors.dlib import DlibDetector

    return DlibDetector()


def annotate_image(
    image: Path | str | UInt8[np.ndarray, "h w 3"], *, detector: Annotator | None = None, face: int = 0
) -> KeypointSequence:
    """Find the keypoints of one face in an image.

    Args:
        image: An image file, a video, of which the first frame is used, or RGB pixels.
        detector: The detector; by default `default_detector()`.
        face: Which face, 0 being the largest.

    Returns:
        A sequence of one frame.

    Raises:
        NoFaceFoundError: There is no face, or fewer than `face` + 1.
        ValueError: The file is no readable image, or `detector` supports only whole videos.
    """
    if isinstance(detector, PrecomputedSource):
        raise ValueError(f"expected a detector that works on pictures, got {detector.name}, which knows videos only")
    name = "the picture" if isinstance(image, np.ndarray) else str(image)
    pixels = image if isinstance(image, np.ndarray) else read_still(image)
    detector = detector or default_detector()
    detected = detector.detect(pixels)
    if not detected and isinstance(detector, ThoroughDetector):
        detected = detector.search(pixels)
    points, scores = _pick(detected, face, where=name, detector=detector, image=pixels)
    return KeypointSequence(
        points[None], scores[None], image_size=(pixels.shape[0], pixels.shape[1]), detector=detector.name
    )


def annotate_video(
    path: Path | str,
    *,
    detector: Annotator | None = None,
    fps: float = 25.0,
    face: int = 0,
    track: TrackChoice = "largest",
    on_frame: Callable[[int], None] | None = None,
) -> KeypointSequence:
    """Find the keypoints of one face in every frame of a video.

    Args:
        path: A video file of any container and frame rate.
        detector: The detector, or a source of precomputed keypoints; by default `default_detector()`.
        fps: Frames per second of the result.
        face: Which of several faces, in the order of `track`: 0 is the first.
        track: `largest` tracks the largest face of the first frame with any; `persistent` tracks up to four faces and
            keeps the one visible longest.
        on_frame: Called with the number of frames done so far.

    Returns:
        A sequence of round(duration × fps) frames. All frames without the face are interpolated, so that they can be
        drawn; their scores are 0, unlike those of measured frames. `split_sequence` removes long gaps.

    A track ends at a cut. In the next shot the face at the same place is continued if there is one, else the choice is
    repeated.

    Raises:
        NoFaceFoundError: No frame shows a face, or none has `face` + 1 of them.
        MissingPointsError: `detector` has no precomputed keypoints for this video.
        ValueError: The file is no readable video.
    """
    if isinstance(detector, PrecomputedSource):
        if face != 0:
            raise ValueError(f"expected face 0, the only one that {detector.name} has, got {face}")
        return detector.keypoints_of(Path(path), fps=fps)
    frames = read_video(path, fps=fps)
    return annotate_frames(
        frames, fps=fps, detector=detector, face=face, track=track, on_frame=on_frame, name=str(path)
    )


def annotate_frames(
    frames: Iterable[UInt8[np.ndarray, "_ _ 3"]],
    *,
    fps: float = 25.0,
    detector: LandmarkDetector | None = None,
    face: int = 0,
    track: TrackChoice = "largest",
    on_frame: Callable[[int], None] | None = None,
    name: str = "the video",
) -> KeypointSequence:
    """Find the keypoints of one face in RGB frames, as `annotate_video` does; errors mention `name`."""
    if track not in get_args(TrackChoice):
        raise ValueError(f"expected track to be one of {', '.join(get_args(TrackChoice))}, got {track!r}")
    detector = detector or default_detector()
    max_faces = 1 if track == "largest" else max(_MAX_TRACKED, face + 1)
    shots: list[_Shot] = []
    tracks, image, num_done = None, None, 0
    for is_new_shot, chunk in cut_into_shots(frames, chunk=detector.batch_size):
        image = chunk[-1]
        if is_new_shot or tracks is None:
            if tracks is not None:
                shots.append(_Shot(tracks, face))
            tracks = FaceTracks(detector, fps=fps, max_faces=max_faces, face=face, previous=_last_points(shots))
        tracks.add_frames(chunk)
        num_done += len(chunk)
        if on_frame is not None:
            on_frame(num_done)
    if image is None or tracks is None:
        raise ValueError(f"expected a video with at least one frame, got none from {name}")
    shots.append(_Shot(tracks, face))
    if _last_points(shots) is None:
        which = "no face" if face == 0 else f"no frame with {face + 1} faces"
        raise NoFaceFoundError(
            f"{which} was found in any of the {num_done} frames of {name} ({image.shape[1]}×{image.shape[0]} px, "
            f"{detector.name}); expected a face of at least 60 px, turned no more than about 60 degrees"
        )
    points, scores = _concatenate(shots)
    return KeypointSequence(
        points, scores, fps=fps, image_size=(image.shape[0], image.shape[1]), detector=detector.name
    )


class _Shot:
    """Detections of one face in one shot, by frame."""

    def __init__(self, tracks: FaceTracks, face: int) -> None:
        ranked = tracks.ranked()
        # A single track has chosen its face already.
        index = min(face, len(ranked) - 1) if tracks.max_faces == 1 else face
        self.found = ranked[index] if 0 <= index < len(ranked) else {}
        self.num_frames = tracks.num_frames


def _last_points(shots: list[_Shot]) -> Float[Tensor, "k d"] | None:
    """Return the last keypoints of the face; None if it was never found."""
    found = next((shot.found for shot in reversed(shots) if shot.found), None)
    return None if found is None else found[max(found)][0]


def _concatenate(shots: list[_Shot]) -> tuple[Float[Tensor, "t k d"], Float[Tensor, "t k"]]:
    """Return points and scores of all frames; gaps are interpolated within their shot if it shows the face."""
    last = _last_points(shots)
    assert last is not None, "the caller has checked it"
    parts, scores, filled = [], [], []
    for shot in shots:
        measured = torch.tensor([i in shot.found for i in range(shot.num_frames)])
        empty = (torch.zeros_like(last), torch.zeros(len(last)))
        faces: list[Detection] = [shot.found.get(i, empty) for i in range(shot.num_frames)]
        points = torch.stack([face[0] for face in faces])
        parts.append(interpolate_missing(points, measured) if shot.found else points)
        scores.append(torch.stack([face[1] for face in faces]))
        filled.append(torch.full((shot.num_frames,), bool(shot.found)))
    return interpolate_missing(torch.cat(parts), torch.cat(filled)), torch.cat(scores)


def _pick(
    detected: list[Detection], face: int, *, where: str, detector: LandmarkDetector, image: UInt8[np.ndarray, "h w 3"]
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
