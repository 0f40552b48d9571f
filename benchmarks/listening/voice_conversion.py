"""The same speech from another throat: higher or lower, longer or shorter, trembling."""

import torch
from jaxtyping import Float
from listening.channel_effects import at_level, envelope, istft, stft, to_length, whisper
from torch import Tensor

_N_FFT = 1024
_SMOOTH = 40


def shift_formants(waveform: Float[Tensor, "*b s"], *, ratio: float) -> Float[Tensor, "*b s"]:
    """Return speech whose resonances lie higher by a ratio, as in a shorter throat; pitch and level are kept.

    The cepstral envelope of each moment is stretched along the frequencies, and the harmonics below it are left.

    Args:
        waveform: Speech.
        ratio: 1.25 is about a child for an adult, below 1 a longer throat.

    Raises:
        ValueError: The ratio is not above 0.
    """
    _check(ratio)
    spectra = stft(waveform, _N_FFT)
    smooth = envelope(spectra, smooth=_SMOOTH)
    bins = smooth.shape[1]
    place = (torch.arange(bins, device=smooth.device) / ratio).clamp(max=bins - 1)
    below, share = place.long(), (place % 1)[:, None]
    stretched = smooth[:, below] * (1 - share) + smooth[:, (below + 1).clamp(max=bins - 1)] * share
    # What was beyond the highest frequency is not known: it stays as faint as the last that was heard.
    return at_level(istft(spectra * (stretched / smooth).clamp(max=30), _N_FFT, waveform.shape), waveform)


def shift_pitch(waveform: Float[Tensor, "*b s"], *, ratio: float, formants: float = 1.0) -> Float[Tensor, "*b s"]:
    """Return speech whose pitch is higher by a ratio, as long and as loud; formants have a ratio of their own.

    A phase vocoder stretches time, resampling takes it back, and `shift_formants` puts the resonances where they
    belong.

    Args:
        waveform: Speech.
        ratio: Of the pitch.
        formants: Of the resonances, see `shift_formants`.

    Raises:
        ValueError: A ratio is not above 0.
    """
    _check(ratio)
    spectra = stft(waveform, _N_FFT)
    frames = spectra.shape[-1]
    place = torch.arange(0, frames - 1, 1 / ratio, device=spectra.device)
    before, share = place.long(), place % 1
    after = (before + 1).clamp(max=frames - 1)
    size = spectra.abs()[..., before] * (1 - share) + spectra.abs()[..., after] * share
    angle = spectra.angle()
    # The first phase, then as much further in each new frame as the voice went between the two old ones.
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
    """Return speech as an old voice: somewhat lower, trembling at 5 Hz by a quarter, breath 12 dB below the voice.

    Old speakers also talk more slowly and articulate less; that would change the lips, and is left out.
    """
    time = torch.arange(waveform.shape[-1], device=waveform.device) / sample_rate
    start = torch.rand(1, generator=generator, device=generator.device).to(waveform)
    tremor = 1 + 0.25 * torch.sin(2 * torch.pi * (5.0 * time + start))
    lower = shift_pitch(waveform, ratio=0.88, formants=0.95)
    return at_level(tremor * (lower + 10 ** (-12 / 20) * whisper(lower, generator=generator)), waveform)


def _check(ratio: float) -> None:
    if ratio <= 0:
        raise ValueError(f"expected a ratio above 0, got {ratio}")
