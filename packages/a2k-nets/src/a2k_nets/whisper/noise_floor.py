"""Faint noise under speech, since an encoder that was trained on recordings has never heard digital silence."""

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

#: Level of the noise, below full scale, and how far it stays below quieter speech.
_LEVEL_DB, _BELOW_SPEECH_DB = -65.0, 35.0
# Windows below this level, that of 16-bit rounding, have no speech to stay below.
_SILENCE_DB = -90.0
#: Samples after which the noise repeats: one second.
_PERIOD = 16_000


def add_noise_floor(window: Float[Tensor, "b s"], *, first: int) -> Float[Tensor, "b s"]:
    """Add white noise at -65 dB to windows of waveforms in [-1, 1]; under quiet speech, 35 dB below its mean power.

    In digital silence the encoder's features are unlike those of a quiet room, and mouths open. The noise of a sample
    depends on its position only.

    Args:
        window: The windows.
        first: Position of their first sample in the waveform.

    Example:
        >>> noise = add_noise_floor(torch.zeros(1, 16_000), first=0)
        >>> round(float(20 * noise.square().mean().sqrt().log10()))
        -65
    """
    level = 10 * window.square().mean(dim=1, keepdim=True).clamp(min=1e-12).log10()
    below = (level - _BELOW_SPEECH_DB).clamp(max=_LEVEL_DB)
    gain = 10 ** (torch.where(level > _SILENCE_DB, below, _LEVEL_DB) / 20)
    noise = _noise().to(window)
    positions = (torch.arange(window.shape[1], device=window.device) + first) % _PERIOD
    return window + gain * noise[positions]


@cache
def _noise() -> Float[Tensor, " s"]:
    """Return noise of unit power, on the CPU, so that all devices have the same."""
    return torch.randn(_PERIOD, generator=torch.Generator().manual_seed(0))
