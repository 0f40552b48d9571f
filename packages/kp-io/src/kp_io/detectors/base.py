"""The interface of landmark detectors, whatever their library."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

#: Keypoints `(K, 2)` in pixels and their scores `(K,)`.
Detection = tuple[Float[Tensor, "k d"], Float[Tensor, " k"]]


class NoFaceFoundError(ValueError):
    """No face was found in an image or video; the message says where and suggests what to do."""


@runtime_checkable
class LandmarkDetector(Protocol):
    """Detector of facial keypoints in RGB frames."""

    @property
    def name(self) -> str:
        """The detector's name in files, including name and version of the library."""
        ...

    @property
    def batch_size(self) -> int:
        """Best number of frames per call of `track`; 1 if more frames gain nothing."""
        ...

    def detect(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Detection]:
        """Find all faces of an image, the largest first; return an empty list if there is none."""
        ...

    def track(
        self, images: Sequence[UInt8[np.ndarray, "_ _ 3"]], previous: Float[Tensor, "k d"]
    ) -> list[Detection | None]:
        """Track one face through consecutive frames of a video.

        Args:
            images: Frames of one size; usually `batch_size` of them, sometimes fewer.
            previous: Keypoints of the face in the frame before `images[0]`.

        Returns:
            One entry per frame: the face, or None from the frame on in which it is lost.
        """
        ...


@runtime_checkable
class ThoroughDetector(LandmarkDetector, Protocol):
    """Detector that can search a single picture more thoroughly than is affordable for every frame of a video."""

    def search(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Detection]:
        """Find the faces of an image in which `detect` finds none, the largest first."""
        ...
