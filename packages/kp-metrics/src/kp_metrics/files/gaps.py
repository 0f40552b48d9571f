"""Interpolate the frames of a file that were not measured, as kp-io does."""

import torch
from torch import Tensor


def interpolate_missing(keypoints: Tensor, measured: Tensor) -> Tensor:
    """Interpolate the unmeasured frames of `(T, K, D)`: linearly between neighbours, constant at the ends.

    Example:
        >>> track = torch.tensor([0.0, 9.0, 4.0]).reshape(3, 1, 1)
        >>> interpolate_missing(track, torch.tensor([True, False, True])).flatten()
        tensor([0., 2., 4.])
    """
    known = torch.nonzero(measured).flatten()
    frames = torch.arange(len(keypoints))
    after = torch.searchsorted(known, frames).clamp(max=len(known) - 1)
    before = (torch.searchsorted(known, frames, right=True) - 1).clamp(min=0)
    start, stop = known[before], known[after]
    weight = ((frames - start) / (stop - start).clamp(min=1)).clamp(0, 1).to(keypoints.dtype)[:, None, None]
    filled = keypoints[start] + weight * (keypoints[stop] - keypoints[start])
    return torch.where(measured[:, None, None], keypoints, filled)
