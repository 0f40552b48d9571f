"""The content of a keypoint file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Optional

from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class KeypointFile:
    """Content of a keypoint file; None where unknown."""

    keypoints: Float[Tensor, "t k d"]  # float32; for COCO objects `(T, K, 2)` with one object per frame
    valid: Bool[Tensor, "t k"]  # False if not measured: a score of 0 (kp-io: interpolated), visibility 0 (COCO)
    fps: float | None = None  # frames per second
    layout: str = ""  # its name, such as "ibug68"; empty if unknown
    area: Float[Tensor, " t"] | None = None  # of each COCO object, square pixels
    keys: tuple[str, ...] | None = None  # image of each COCO object, to match predictions to it; None for a sequence
    scores: Float[Tensor, " t"] | None = None  # confidence of each object of COCO results
    categories: tuple[str, ...] | None = None  # category of each COCO object, if all have one
    image_names: Mapping[str, str] = field(default_factory=dict)  # image of COCO by file name
    objects: Optional["KeypointFile"] = None  # a sequence of COCO as objects, for predictions that are COCO results
    image_size: tuple[int, int] | None = None  # height, width of the picture, pixels


def known_size(*sides: object) -> tuple[int, int] | None:
    """Return height and width of a picture; None if a file states something else: no metric needs them."""
    try:
        height, width = (int(float(str(side))) for side in sides)
    except (ValueError, OverflowError):
        return None
    return (height, width) if height > 0 and width > 0 else None
