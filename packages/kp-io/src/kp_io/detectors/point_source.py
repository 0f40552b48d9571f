"""What knows a video's keypoints without looking at its pixels."""

from pathlib import Path
from typing import Protocol, runtime_checkable

from kp_io.detectors.base import LandmarkDetector
from kp_io.keypoints.sequence import KeypointSequence


class MissingPointsError(FileNotFoundError):
    """There are no keypoints for a video; the message says where they were looked for."""


@runtime_checkable
class PointSource(Protocol):
    """Brings the keypoints of whole videos, where a `LandmarkDetector` finds those of pictures."""

    @property
    def name(self) -> str:
        """What the settings of a corpus record as the detector."""
        ...

    def keypoints_of(self, video: Path, *, fps: float) -> KeypointSequence:
        """Return the keypoints of a video at a frame rate.

        Raises:
            MissingPointsError: There are none for this video.
            ValueError: What there is cannot be read, or belongs to another video.
        """
        ...


#: Whatever can give a video its keypoints.
Annotator = LandmarkDetector | PointSource
