"""Keypoints of videos that were computed before and are read from files, in place of a detector."""

from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from kp_io.detectors.base import LandmarkDetector
from kp_io.formats.registry import FORMATS, load_keypoints
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.video_reader import probe_video
from kp_io.transforms import resample_fps

# Keypoints and their video may differ in length by this much plus two frames: containers round, and detectors drop
# frames that they could not decode.
_TOLERANCE_SECONDS = 0.25


class MissingPointsError(FileNotFoundError):
    """There are no keypoints for a video; the message says where they were searched."""


@runtime_checkable
class PrecomputedSource(Protocol):
    """Source of keypoints of whole videos, where a `LandmarkDetector` finds those of single images."""

    @property
    def name(self) -> str:
        """The detector's name in the settings of a corpus."""
        ...

    def keypoints_of(self, video: Path, *, fps: float) -> KeypointSequence:
        """Return the keypoints of a video at a frame rate.

        Raises:
            MissingPointsError: There are none for this video.
            ValueError: They cannot be read, or belong to another video.
        """
        ...


#: The former name.
PointSource = PrecomputedSource

#: Any source of a video's keypoints.
Annotator = LandmarkDetector | PrecomputedSource


class PrecomputedPoints:
    """Source of keypoints from files, resampled to any frame rate.

    The file of `a/b/talk.mp4` in a folder is `a/b/talk.npz`, else `b/talk.npz`, else `talk.npz`: the longest part of
    the video's path that the folder repeats. Any suffix of a keypoint format may replace `.npz`; the first match wins.

    Args:
        points: Folder of keypoint files, or the one file of the one video; None searches beside each video.

    Raises:
        FileNotFoundError: `points` does not exist.
    """

    def __init__(self, points: Path | None = None) -> None:
        if points is not None and not points.exists():
            raise FileNotFoundError(f"expected a folder or a file of keypoints, found nothing at {points}")
        self._points = points

    @property
    def name(self) -> str:
        """The detector's name in the settings of a corpus; each sequence also names its original detector."""
        return "precomputed"

    def keypoints_of(self, video: Path, *, fps: float) -> KeypointSequence:
        """Return the keypoints of a video, resampled to `fps`, scores included.

        Raises:
            MissingPointsError: There is no file for this video.
            ValueError: The file is damaged, or its length differs from the video's.
        """
        path = self._find(video)
        info = probe_video(video)
        try:
            sequence = load_keypoints(path, image_size=(info.height, info.width))
        except ValueError as error:
            # Only the name: the folder differs between the machines that build a corpus.
            raise ValueError(str(error).replace(str(path), path.name)) from error
        seconds = info.duration_seconds or sequence.duration_seconds
        if abs(sequence.duration_seconds - seconds) > _TOLERANCE_SECONDS + 2 / sequence.fps:
            raise ValueError(
                f"expected keypoints as long as the video, {seconds:.2f} s, got {sequence.duration_seconds:.2f} s "
                f"({len(sequence)} frames at {sequence.fps:g} fps) in {path.name}: the points of another video perhaps"
            )
        origin = sequence.detector
        detector = origin if origin.startswith(f"{self.name}(") else f"{self.name}({origin})"
        return replace(resample_fps(sequence, fps), detector=detector)

    def _find(self, video: Path) -> Path:
        if self._points is not None and self._points.is_file():
            return self._points
        if self._points is None:
            stems = [video.with_suffix("")]
        else:
            parts = [part for part in video.with_suffix("").parts if part not in (video.anchor, "..")]
            stems = [self._points.joinpath(*parts[i:]) for i in range(len(parts))]
        for stem in stems:
            for suffix in FORMATS:
                path = stem.with_name(stem.name + suffix)
                if path.is_file():
                    return path
        where = "beside it" if self._points is None else "in the folder of precomputed keypoints"
        raise MissingPointsError(
            f"expected precomputed keypoints for {video}, found no {video.stem}{{{','.join(FORMATS)}}} {where}"
        )
