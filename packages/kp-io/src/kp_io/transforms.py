"""Changes of keypoint tracks over time."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["interpolate_missing"]


def interpolate_missing(keypoints: Float[Tensor, "t k d"], measured: Bool[Tensor, " n"]) -> Float[Tensor, "t k d"]:
    """Fill the frames that were not measured: linearly between their neighbours, constant at the ends.

    Args:
        keypoints: Keypoints; what stands in unmeasured frames is ignored.
        measured: Which frames hold a measurement.

    Returns:
        New keypoints; the measured frames are unchanged.

    Raises:
        ValueError: No frame was measured, or the lengths differ.

    Example:
        >>> track = torch.tensor([0.0, 9.0, 4.0]).reshape(3, 1, 1)
        >>> interpolate_missing(track, torch.tensor([True, False, True])).flatten()
        tensor([0., 2., 4.])
    """
    if measured.shape != keypoints.shape[:1]:
        raise ValueError(
            f"expected measured of shape {tuple(keypoints.shape[:1])} like keypoints, got {tuple(measured.shape)}"
        )
    known = torch.nonzero(measured).flatten()
    if len(known) == 0:
        raise ValueError("expected at least one measured frame, got none")
    frames = torch.arange(len(keypoints), device=keypoints.device)
    after = torch.searchsorted(known, frames).clamp(max=len(known) - 1)
    before = (torch.searchsorted(known, frames, right=True) - 1).clamp(min=0)
    start, stop = known[before], known[after]
    weight = (frames - start) / (stop - start).clamp(min=1)
    weight = weight.clamp(0, 1).to(keypoints.dtype)[:, None, None]
    filled = keypoints[start] + weight * (keypoints[stop] - keypoints[start])
    return torch.where(measured[:, None, None], keypoints, filled)
