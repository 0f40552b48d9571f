"""Voice conversion: pitch shift, formant shift, and the tremor of an old voice."""

import torch
from jaxtyping import Float
from listening.channel_effects import at_level, envelope, istft, stft, to_length, whisper
from torch import Tensor

_N_FFT = 1024
_SMOOTH = 40


def shift_formants(waveform: Float[Tensor, "*b s"], *, ratio: float) -> Float[Tensor, "*b s"]:
    """Return speech with formants shifted by a ratio, as of a shorter vocal tract, at the same pitch and level.

    The cepstral envelope of each frame is stretched along frequency; the harmonics stay.

    Args:
        waveform: Speech.
        ratio: Ratio of the formant frequencies; 1.25 turns an adult into about a child.

    Raises:
        ValueError: The ratio is not positive.
    """
    _check(ratio)
    spectra = stft(waveform, _N_FFT)
    smooth = envelope(spectra, smooth=_SMOOTH)
    bins = smooth.shape[1]
    position = (torch.arange(bins, device=smooth.device) / ratio).clamp(max=bins - 1)
    below, share = position.long(), (position % 1)[:, None]
    stretched = smooth[:, below] * (1 - share) + smooth[:, (below + 1).clamp(max=bins - 1)] * share
    # Frequencies beyond the original range are unknown: they get the level of the highest one.
    return at_level(istft(spectra * (stretched / smooth).clamp(max=30), _N_FFT, waveform.shape), waveform)


def shift_pitch(waveform: Float[Tensor, "*b s"], *, ratio: float, formants: float = 1.0) -> Float[Tensor, "*b s"]:
    """Return speech with the pitch shifted by a ratio, at the same length and level; formants have their own ratio.

    A phase vocoder stretches time, resampling reverses that, and `shift_formants` sets the formants.

    Args:
        waveform: Speech.
        ratio: Ratio of the pitch.
        formants: Ratio of the formants, see `shift_formants`.

    Raises:
        ValueError: A ratio is not positive.
    """
    _check(ratio)
    spectra = stft(waveform, _N_FFT)
    frames = spectra.shape[-1]
    position = torch.arange(0, frames - 1, 1 / ratio, device=spectra.device)
    before, share = position.long(), position % 1
    after = (before + 1).clamp(max=frames - 1)
    size = spectra.abs()[..., before] * (1 - share) + spectra.abs()[..., after] * share
    angle = spectra.angle()
    # Each new frame advances the phase by the difference of the two frames around it.
    step = angle[..., after] - angle[..., before]
    phase = torch.cat((angle[..., :1], step[..., :-1]), dim=-1).cumsum(dim=-1)
    longer = torch.polar(size, phase)
    samples = waveform.shape[-1]
    stretched = istft(longer, _N_FFT, torch.Size((*waveform.shape[:-1], max(1, round(samples * ratio)))))
    higher = to_length(stretched, samples)
    return shift_formants(at_level(higher, waveform), ratio=formants / ratio)


def age_voice(
    waveform: Float[Tensor, "*b s"], *, sample_rate: int = 16_000, generator: torch.Generator
) -> Float[Tensor, "*b s"]:
    """Return speech as of an old voice: lower pitch, 25 % tremor at 5 Hz, breath noise 12 dB below the voice.

    Slower speech and weaker articulation would change the lip motion, and are not simulated.
    """
    time = torch.arange(waveform.shape[-1], device=waveform.device) / sample_rate
    start = torch.rand(1, generator=generator, device=generator.device).to(waveform)
    tremor = 1 + 0.25 * torch.sin(2 * torch.pi * (5.0 * time + start))
    lower = shift_pitch(waveform, ratio=0.88, formants=0.95)
    return at_level(tremor * (lower + 10 ** (-12 / 20) * whisper(lower, generator=generator)), waveform)


def _check(ratio: float) -> None:
    if ratio <= 0:
        raise ValueError(f"expected a ratio above 0, got {ratio}")
