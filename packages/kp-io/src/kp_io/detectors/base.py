"""What a landmark detector is, whichever library does the work."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

#: Keypoints `(K, 2)` in pixels and their scores `(K,)`.
Detection = tuple[Float[Tensor, "k d"], Float[Tensor, " k"]]


class NoFaceFoundError(ValueError):
    """No face was found where one was needed; the message says where and what was tried."""


@runtime_checkable
class LandmarkDetector(Protocol):
    """Finds keypoints in RGB frames."""

    @property
    def name(self) -> str:
        """What files record as the detector, name and version of the library included."""
        ...

    @property
    def batch_size(self) -> int:
        """How many frames `track` is best given at once; 1 for a detector that gains nothing by more."""
        ...

    def detect(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Detection]:
        """Find every face of one picture, the largest first; an empty list where there is none."""
        ...

    def track(
        self, images: Sequence[UInt8[np.ndarray, "h w 3"]], previous: Float[Tensor, "k d"]
    ) -> list[Detection | None]:
        """Follow one face through consecutive frames of a video.

        Args:
            images: Frames of one size; usually `batch_size` of them, sometimes fewer.
            previous: Where the face was in the frame just before `images[0]`.

        Returns:
            One entry a frame: the face, and None from the frame on where it is gone.
        """
        ...
