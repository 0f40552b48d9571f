"""Tracks of head poses, to fit the process of head motion."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2k_nets.blocks import constant

# Savitzky-Golay, five points, second order.
_SMOOTHING = (-3 / 35, 12 / 35, 17 / 35, 12 / 35, -3 / 35)


def measured_tracks(pose: Float[Tensor, "t 4"], measured: Bool[Tensor, " t"]) -> list[Float[Tensor, "_ 4"]]:
    """Return the smoothed poses of each run of measured frames, with the clip's mean subtracted.

    Runs that are too short to be smoothed are left out, unless the whole clip is that short.
    """
    if bool(measured.all()):
        return [smooth_track(pose - pose.mean(dim=0))]
    centred = pose - pose[measured].mean(dim=0)
    change = torch.nonzero(measured.int().diff()).flatten() + 1
    runs = torch.tensor_split(torch.arange(len(pose)), change.cpu())
    kept = [run for run in runs if bool(measured[run[0]]) and len(run) >= len(_SMOOTHING)]
    return [smooth_track(centred[int(run[0]) : int(run[-1]) + 1]) for run in kept]


def smooth_track(track: Float[Tensor, "*b t 4"]) -> Float[Tensor, "*b s 4"]:
    """Reduce the detector's jitter in a track; the result is four frames shorter. Tracks under five frames are kept.

    The Savitzky-Golay filter of five points and second order preserves head motion below 5 Hz, where a mean over five
    frames has its first zero.

    Example:
        >>> parabola = torch.arange(7.0)[:, None].square().expand(7, 4)
        >>> smooth_track(parabola)[:, 0].round(decimals=3)
        tensor([ 4.,  9., 16.])
    """
    if track.shape[-2] < len(_SMOOTHING):
        return track
    return track.unfold(-2, len(_SMOOTHING), 1) @ constant(_SMOOTHING, track.dtype, track.device)
