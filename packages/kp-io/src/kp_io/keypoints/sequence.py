"""Keypoints over time, the data type that all packages exchange."""

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor

from kp_io.keypoints.layout import IBUG68, KeypointLayout, layout_hint

#: No real image is larger; a larger number means a damaged file.
_MAX_SIDE_PX = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class KeypointSequence:
    """Keypoints of one face over time, in the pixels of its video.

    Attributes:
        keypoints: `(T, K, 2)` or `(T, K, 3)` float32, pixels, x right, y down; a still has T = 1.
        scores: `(T, K)` float32 in [0, 1]: the detector's confidence, 1 if it gives none, 0 in interpolated frames. All
            ones by default.
        fps: Frames per second.
        image_size: Height and width of the video or image, pixels.
        layout: Meaning of the K points.
        detector: Name of the detector or model that produced the points.

    Raises:
        ValueError: A shape, `fps`, `image_size` or a score is invalid, or a keypoint is not finite.

    Example:
        >>> still = KeypointSequence(torch.zeros(1, 68, 2), image_size=(224, 224))
        >>> still
        KeypointSequence(keypoints (1, 68, 2), 0.04 s at 25 fps, image 224×224, ibug68, detector 'unknown')
    """

    keypoints: Float[Tensor, "t k d"]
    scores: Float[Tensor, "t k"] = field(default=None)  # type: ignore[assignment]  # filled in by __post_init__
    fps: float = 25.0
    image_size: tuple[int, int] = field(kw_only=True)
    layout: KeypointLayout = IBUG68
    detector: str = "unknown"

    def __post_init__(self) -> None:
        points = torch.as_tensor(self.keypoints).to(torch.float32)
        expected = f"(T, {self.layout.num_keypoints}, 2 or 3)"
        given = tuple(points.shape)
        if len(given) != 3 or given[1] != self.layout.num_keypoints or given[2] not in (2, 3):
            hint = layout_hint(given[1]) if len(given) == 3 and given[1] != self.layout.num_keypoints else ""
            raise ValueError(f"expected keypoints of shape {expected} for {self.layout.name}, got {given}{hint}")
        if points.shape[0] == 0:
            raise ValueError(f"expected keypoints of shape {expected} with T of at least 1, got no frame")
        if not bool(torch.stack(points.aminmax()).isfinite().all()):
            raise ValueError("expected finite keypoints, got NaN or infinity; interpolate missing frames first")
        scores = torch.ones(points.shape[:2]) if self.scores is None else torch.as_tensor(self.scores).to(torch.float32)
        if scores.shape != points.shape[:2]:
            raise ValueError(f"expected scores of shape {tuple(points.shape[:2])}, got {tuple(scores.shape)}")
        if not bool(((scores >= 0) & (scores <= 1)).all()):
            raise ValueError("expected scores between 0 and 1")
        if not (0 < float(self.fps) < float("inf")):
            raise ValueError(f"expected a positive number of frames per second, got fps={self.fps}")
        height, width = (int(side) for side in self.image_size)
        if not (1 <= height <= _MAX_SIDE_PX and 1 <= width <= _MAX_SIDE_PX):
            limits = f"a positive image_size (height, width) up to {_MAX_SIDE_PX} px"
            raise ValueError(f"expected {limits}, got {str(self.image_size)[:60]}")
        values = {"keypoints": points, "scores": scores, "fps": float(self.fps), "image_size": (height, width)}
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return self.keypoints.shape[0]

    def __repr__(self) -> str:
        height, width = self.image_size
        return (
            f"KeypointSequence(keypoints {tuple(self.keypoints.shape)}, {self.duration_seconds:.2f} s "
            f"at {self.fps:g} fps, image {width}×{height}, {self.layout.name}, detector {self.detector!r})"
        )

    @property
    def duration_seconds(self) -> float:
        """Length in seconds: number of frames divided by `fps`."""
        return len(self) / self.fps

    def frames(self, start: int, stop: int) -> "KeypointSequence":
        """Return the frames `[start, stop)`."""
        return replace(self, keypoints=self.keypoints[start:stop], scores=self.scores[start:stop])

    def with_keypoints(self, keypoints: Float[Tensor, "t k d"]) -> "KeypointSequence":
        """Return a copy with other keypoints for the same frames."""
        return replace(self, keypoints=keypoints)


def scale_to_height(sequence: KeypointSequence, height: int) -> KeypointSequence:
    """Return the keypoints of the same video scaled to another height.

    Whole numbers are pixel centres, so x becomes `(x + ½) · s - ½`. Depth is scaled without the half-pixel shift.

    Example:
        >>> large = KeypointSequence(torch.full((1, 68, 2), 99.5), image_size=(400, 300))
        >>> small = scale_to_height(large, 200)
        >>> small.image_size, small.keypoints[0, 0]
        ((200, 150), tensor([49.5000, 49.5000]))
    """
    scale = height / sequence.image_size[0]
    shift = torch.zeros(sequence.keypoints.shape[-1])
    shift[:2] = 0.5
    size = height, max(1, round(sequence.image_size[1] * scale))
    return replace(sequence, keypoints=(sequence.keypoints + shift) * scale - shift, image_size=size)
