"""Measures of tracks of one clip: size, spectrum, windows, pauses."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics import head_pose_amplitude, velocity_spectrum

FPS = 25.0

#: Heads move below this frequency, Hz; above it is jitter.
HIGHEST = 5.0

# Frames of a window of the Fréchet distance, one second, and between two.
_WINDOW, _HOP = 25, 12

_MIN_STD = 1e-4


def log_amplitude(
    tracks: Float[Tensor, "s t c"], real: Float[Tensor, "t c"], measured: Bool[Tensor, " t"]
) -> Float[Tensor, " c"]:
    """Return the natural logarithm of the deviation of each track over the real one, mean over seeds."""
    count = len(tracks)
    ratios = head_pose_amplitude(
        tracks, real.expand_as(tracks), mask=measured.expand(count, -1), floor=_MIN_STD, reduction="sequence"
    )
    return ratios.log().mean(dim=0)


def log_spectrum(tracks: Float[Tensor, "s t c"], measured: Bool[Tensor, " t"]) -> Float[Tensor, "c f"]:
    """Return the spectrum of the velocity of each track up to 5 Hz, in dB, mean over seeds; NaN for short clips.

    Decibels are averaged, so that a clip that moves much does not rule.
    """
    series = tracks.transpose(1, 2)[..., None].double()
    mask = measured.expand(*series.shape[:2], -1)
    frequencies, power = velocity_spectrum(series, fps=FPS, mask=mask)
    return 10 * (power[..., frequencies <= HIGHEST] + 1e-9).log10().mean(dim=0)


def motion_windows(tracks: Float[Tensor, "t 9"], measured: Bool[Tensor, " t"]) -> Float[Tensor, "n 18"]:
    """Return the logarithms of spread and mean speed of the nine components in each window of a second.

    Logarithms keep a few restless people from ruling the Fréchet distance.
    """
    if len(tracks) < _WINDOW:
        return tracks.new_zeros(0, 2 * tracks.shape[1])
    windows = tracks.unfold(0, _WINDOW, _HOP)[measured.unfold(0, _WINDOW, _HOP).all(dim=-1)]
    spread = windows.std(dim=-1).clamp(min=_MIN_STD).log()
    speed = (windows.diff(dim=-1).abs().mean(dim=-1) + 1e-5).log()
    return torch.cat((spread, speed), dim=1).double()


def spread_of_takes(
    takes: list[Float[Tensor, "_ c"]], seeds: list[Float[Tensor, "s _ c"]], *, most: int = 12
) -> Float[Tensor, " c"] | None:
    """Return the logarithm of the distance of two seeds over the distance of two real takes of a speaker.

    All pairs of takes are compared over the length of the shorter one, with their means subtracted; the first two seeds
    for the sound of the longer one over the same length.

    Returns:
        One value a component; None for a speaker with fewer than three takes.
    """
    if len(takes) < 3:
        return None
    real, ours = [], []
    for i in range(min(len(takes), most)):
        for j in range(i):
            frames = min(len(takes[i]), len(takes[j]))
            longer = i if len(takes[i]) > len(takes[j]) else j
            real.append(_distance(takes[i][:frames], takes[j][:frames]))
            ours.append(_distance(*(seed[:frames] for seed in seeds[longer][:2])))
    return (torch.stack(ours).mean(dim=0) / torch.stack(real).mean(dim=0)).log()


def _distance(first: Tensor, second: Tensor) -> Tensor:
    return ((first - first.mean(dim=0)) - (second - second.mean(dim=0))).abs().mean(dim=0)
