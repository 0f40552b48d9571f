"""From pictures and videos to keypoints: detect, track, fill gaps."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from kp_io.annotation.shot_detection import cut_into_shots
from kp_io.annotation.tracking import FaceTracks
from kp_io.detectors.base import Detection, LandmarkDetector, NoFaceFoundError
from kp_io.detectors.point_source import Annotator, PointSource
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.image import read_image
from kp_io.media.video_reader import read_video
from kp_io.transforms import interpolate_missing

#: Whose face is followed where there are several: the largest of a shot's first frame that shows any, or the one that
#: is seen longest in the shot.
TrackChoice = Literal["largest", "persistent"]

# So many faces are followed at once to learn which of them stays; more only where `face` asks for it.
_FOLLOWED = 4


def default_detector() -> LandmarkDetector:
    """Return the detector that works offline on any machine: dlib's 68 points."""
    from kp_io.detectors.dlib import DlibDetector

    return DlibDetector()


def annotate_image(
    image: Path | str | UInt8[np.ndarray, "h w 3"], *, detector: Annotator | None = None, face: int = 0
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
        ValueError: The file is no readable picture, or `detector` knows whole videos only.
    """
    if isinstance(detector, PointSource):
        raise ValueError(f"expected a detector that looks at pictures, got {detector.name}, which knows videos only")
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
    detector: Annotator | None = None,
    fps: float = 25.0,
    face: int = 0,
    track: TrackChoice = "largest",
    on_frame: Callable[[int], None] | None = None,
) -> KeypointSequence:
    """Find the keypoints of one face in every frame of a video.

    Args:
        path: A video file of any container and frame rate.
        detector: What finds the points, or knows them; by default `default_detector()`.
        fps: Frames a second of the result.
        face: Which face of several, by the order of `track`: 0 is the first.
        track: `largest` follows the largest face of the first frame that has any, `persistent` up to four faces and
            keeps the one that is seen longest.
        on_frame: Called with the number of frames done so far.

    Returns:
        A sequence of round(duration × fps) frames. Frames in which the face was not found are interpolated so that they
        can be drawn, however many they are; their scores are 0, those of measured frames are not.
        `split_sequence` cuts the long gaps out.

    A track ends where the picture is cut: in the next shot the face is chosen anew, or is the one that is where the
    last one was.

    Raises:
        NoFaceFoundError: No frame shows a face, or none has `face` + 1 of them.
        MissingPointsError: `detector` is to know the points, and does not know those of this video.
        ValueError: The file is no readable video.
    """
    if isinstance(detector, PointSource):
        if face != 0:
            raise ValueError(f"expected face 0, the only one that {detector.name} knows, got {face}")
        return detector.keypoints_of(Path(path), fps=fps)
    frames = read_video(path, fps=fps)
    return annotate_frames(
        frames, fps=fps, detector=detector, face=face, track=track, on_frame=on_frame, name=str(path)
    )


def annotate_frames(
    frames: Iterable[UInt8[np.ndarray, "h w 3"]],
    *,
    fps: float = 25.0,
    detector: LandmarkDetector | None = None,
    face: int = 0,
    track: TrackChoice = "largest",
    on_frame: Callable[[int], None] | None = None,
    name: str = "the video",
) -> KeypointSequence:
    """Find the keypoints of one face in RGB frames, as `annotate_video` does; `name` stands in its errors."""
    if track not in get_args(TrackChoice):
        raise ValueError(f"expected track to be one of {', '.join(get_args(TrackChoice))}, got {track!r}")
    detector = detector or default_detector()
    most = 1 if track == "largest" else max(_FOLLOWED, face + 1)
    shots: list[_Shot] = []
    tracks, image, done = None, None, 0
    for begins, chunk in cut_into_shots(frames, chunk=detector.batch_size):
        image = chunk[-1]
        if begins or tracks is None:
            if tracks is not None:
                shots.append(_Shot(tracks, face))
            tracks = FaceTracks(detector, fps=fps, most=most, face=face, near=_last_seen(shots))
        tracks.follow(chunk)
        done += len(chunk)
        if on_frame is not None:
            on_frame(done)
    if image is None or tracks is None:
        raise ValueError(f"expected a video with at least one frame, got none from {name}")
    shots.append(_Shot(tracks, face))
    if _last_seen(shots) is None:
        which = "no face" if face == 0 else f"no frame with {face + 1} faces"
        raise NoFaceFoundError(
            f"{which} was found in any of the {done} frames of {name} ({image.shape[1]}×{image.shape[0]} px, "
            f"{detector.name}); expected a face of at least 60 px, turned no more than about 60 degrees"
        )
    points, scores = _joined(shots)
    return KeypointSequence(
        points, scores, fps=fps, image_size=(image.shape[0], image.shape[1]), detector=detector.name
    )


class _Shot:
    """What was found of one face in one shot."""

    def __init__(self, tracks: FaceTracks, face: int) -> None:
        ranked = tracks.ranked()
        # A single track has chosen its face already.
        place = min(face, len(ranked) - 1) if tracks.most == 1 else face
        self.found = ranked[place] if 0 <= place < len(ranked) else {}
        self.num_frames = tracks.num_frames


def _last_seen(shots: list[_Shot]) -> Float[Tensor, "k d"] | None:
    """Return where the face was last; None where it was nowhere."""
    found = next((shot.found for shot in reversed(shots) if shot.found), None)
    return None if found is None else found[max(found)][0]


def _joined(shots: list[_Shot]) -> tuple[Float[Tensor, "t k d"], Float[Tensor, "t k"]]:
    """Return points and scores of all frames; gaps are filled from within their shot where it shows the face."""
    last = _last_seen(shots)
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
