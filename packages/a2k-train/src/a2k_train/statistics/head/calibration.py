"""Calibration of a trained head: how far it comes to rest in pauses, and how large its motion is."""

import copy
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.head import HeadNetwork, HeadStream
from a2k_train.statistics.head.pauses import pause_ratio
from a2k_train.statistics.head.process import HeadClip, deviations

# Clips are drawn for up to this many frames.
_MOST_FRAMES = 400

# The gain with which the effect of damping in pauses is measured.
_TRIED_GAIN = 0.7


@torch.no_grad()
def calibrated(
    network: HeadNetwork, clips: Sequence[HeadClip], *, power: float = 0.5, most: int = 120, seed: int = 0
) -> HeadNetwork:
    """Return a copy of a trained network that stops in pauses, and moves, as much as people in training clips.

    Motion is drawn for the sound of clips in their own styles. First the innovations in pauses are damped, until the
    squared speed there over that in speech is that of real heads, the geometric mean over clips. Then each component
    is scaled by the ratio of real to drawn deviations, their geometric mean over clips, to a power. The full power
    makes up for lost slow motion by jitter.

    Args:
        network: Trained, with the guidance that it will be used with.
        clips: Training clips.
        power: Share of the difference in size, in logarithms, that is made up for.
        most: Clips that are drawn for, each of another speaker as far as there are.
        seed: Seed of the draws.
    """
    network = copy.deepcopy(network)
    network.calibration.fill_(1)
    network.pause_gain.fill_(1)
    random = torch.Generator().manual_seed(seed)
    order = [clips[index] for index in torch.randperm(len(clips), generator=random).tolist()]
    first = {clip.speaker: clip for clip in reversed(order)}
    chosen = [*first.values(), *(clip for clip in order if first[clip.speaker] is not clip)][:most]
    shortest = min(len(clip.motion) for clip in chosen)
    chosen = [clip for clip in chosen if len(clip.motion) <= max(shortest, _MOST_FRAMES)]
    noise = [torch.randn(1, len(clip.motion), 10, generator=random) for clip in chosen]
    network.pause_gain.copy_(_pause_gain(network, chosen, noise))
    differences = [
        deviations(clip.motion).log() - deviations(drawn).log()
        for clip, drawn in zip(chosen, _draw(network, chosen, noise), strict=True)
    ]
    network.calibration.copy_((power * torch.stack(differences).mean(dim=0)).exp())
    return network


def _pause_gain(network: HeadNetwork, clips: Sequence[HeadClip], noise: Sequence[Tensor]) -> Tensor:
    """Return the gain of the innovations in pauses, by a straight line through two gains in logarithms of the ratio."""
    real = _mean_ratio([clip.motion for clip in clips], clips)
    free = _mean_ratio(_draw(network, clips, noise), clips)
    tried = copy.deepcopy(network)
    tried.pause_gain.fill_(_TRIED_GAIN)
    damped = _mean_ratio(_draw(tried, clips, noise), clips)
    gain = 1 - (1 - _TRIED_GAIN) * (free - real) / (free - damped).clamp(min=1e-3)
    # Without pauses in any clip nothing is known of them.
    return torch.where(gain.isfinite(), gain.clamp(0, 1), 1.0)


def _mean_ratio(tracks: Sequence[Float[Tensor, "_ 9"]], clips: Sequence[HeadClip]) -> Float[Tensor, ""]:
    pairs = zip(tracks, clips, strict=True)
    return torch.stack([pause_ratio(track[None, :, :6], clip.silent, clip.measured) for track, clip in pairs]).nanmean()


def _draw(network: HeadNetwork, clips: Sequence[HeadClip], noise: Sequence[Tensor]) -> list[Float[Tensor, "_ 9"]]:
    """Return motion for the sound of clips, in their own styles."""
    found = []
    for clip, numbers in zip(clips, noise, strict=True):
        stream = HeadStream(network, 1, log_gains=network.log_gains(clip.motion))
        stream.push(torch.nn.functional.pad(clip.samples[None], (network.features.offset, 0)), end=True)
        found.append(stream.take(len(clip.motion), numbers)[0])
    return found
