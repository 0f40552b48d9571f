"""Channel effects on speech: noise, rooms, telephones, clipping, whispering. They keep length and lip sync."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that everybody uses

#: Sample rate of a telephone, Hz, and mu of its companding (ITU-T G.711).
_PHONE_RATE, _MU = 8_000, 255.0
_PHONE_BAND = (300.0, 3_400.0)

#: Delay of the reverberation after the direct sound, seconds.
_ROOM_DELAY = 0.005


def add_noise(
    waveform: Float[Tensor, "*b s"], noise: Float[Tensor, "*b s"], snr_db: float | Float[Tensor, "*b 1"]
) -> Float[Tensor, "*b s"]:
    """Return speech with noise at a signal-to-noise ratio of mean powers; silence gets no noise.

    Args:
        waveform: Speech.
        noise: Noise of any level; all zeros add nothing.
        snr_db: Signal-to-noise ratio, dB; one number, or one per waveform.

    Example:
        >>> speech, noise = torch.tensor([1.0, -1.0]), torch.tensor([5.0, 5.0])
        >>> add_noise(speech, noise, 20.0)
        tensor([ 1.1000, -0.9000])
    """
    amplitude = 10 ** (-torch.as_tensor(snr_db).to(waveform) / 20)
    return waveform + noise * (amplitude * _rms(waveform) / _rms(noise).clamp(min=1e-12))


def reverb(
    waveform: Float[Tensor, "*b s"],
    *,
    t60: float,
    direct_db: float = 0.0,
    sample_rate: int = 16_000,
    generator: torch.Generator,
) -> Float[Tensor, "*b s"]:
    """Return speech in a room: the direct sound and exponentially decaying noise, at the same level.

    Args:
        waveform: Speech.
        t60: Reverberation time, in which the sound decays by 60 dB, seconds.
        direct_db: Direct-to-reverberant energy ratio; 0 dB is about two metres away at home.
        sample_rate: Sample rate, Hz.
        generator: Random generator of the room, which is the same for the whole batch.

    Raises:
        ValueError: The time is not positive.
    """
    if t60 <= 0:
        raise ValueError(f"expected a decay time t60 above 0 s, got {t60}")
    delay, length = round(_ROOM_DELAY * sample_rate), max(1, round(t60 * sample_rate))
    time = torch.arange(length, device=generator.device) / sample_rate
    late = torch.randn(length, generator=generator, device=generator.device) * 10 ** (-3 * time / t60)
    late = late / late.norm() * 10 ** (-direct_db / 20)
    room = torch.cat((torch.ones(1, device=late.device), late.new_zeros(delay), late)).to(waveform)
    size = 1 << (waveform.shape[-1] + len(room) - 2).bit_length()  # a power of 2 that holds the convolution
    wet = torch.fft.irfft(torch.fft.rfft(waveform, n=size) * torch.fft.rfft(room, n=size), n=size)
    return at_level(wet[..., : waveform.shape[-1]], waveform)


def telephone(waveform: Float[Tensor, "*b s"], *, sample_rate: int = 16_000) -> Float[Tensor, "*b s"]:
    """Return speech over a telephone: 300 to 3,400 Hz, 8 kHz, 8-bit mu-law.

    Example:
        >>> telephone(torch.zeros(640)).shape
        torch.Size([640])
    """
    samples = waveform.shape[-1]
    few = max(2, round(samples * _PHONE_RATE / sample_rate))
    spectrum = torch.fft.rfft(waveform)
    frequency = torch.arange(spectrum.shape[-1], device=waveform.device) * sample_rate / samples
    spectrum = spectrum * ((frequency >= _PHONE_BAND[0]) & (frequency <= _PHONE_BAND[1]))
    narrow = to_length(torch.fft.irfft(spectrum, n=samples), few).clamp(-1, 1)
    code = (narrow.sign() * torch.log1p(_MU * narrow.abs()) / math.log1p(_MU) * 127).round() / 127
    decoded = code.sign() * ((1 + _MU) ** code.abs() - 1) / _MU
    return to_length(decoded, samples)


def clip_peaks(waveform: Float[Tensor, "*b s"], *, share: float) -> Float[Tensor, "*b s"]:
    """Return speech with the loudest share of its samples clipped, at the same level.

    Args:
        waveform: Speech.
        share: Share of clipped samples, in [0, 1).

    Raises:
        ValueError: The share is out of its range.

    Example:
        >>> (clip_peaks(torch.tensor([1.0, 1.0, 1.0, 9.0]), share=0.25) ** 2).mean()
        tensor(21.)
    """
    if not 0 <= share < 1:
        raise ValueError(f"expected a share of samples within [0, 1), got {share}")
    kept = waveform.shape[-1] - round(share * waveform.shape[-1])
    bound = waveform.abs().kthvalue(max(1, kept), dim=-1, keepdim=True).values
    return at_level(waveform.clamp(-bound, bound), waveform)


def whisper(
    waveform: Float[Tensor, "*b s"], *, n_fft: int = 512, smooth: int = 24, generator: torch.Generator
) -> Float[Tensor, "*b s"]:
    """Return whispered speech: noise instead of vocal fold pulses through the vocal tract, at the same level.

    Args:
        waveform: Speech.
        n_fft: Window length of the spectrum, samples.
        smooth: Number of cepstral coefficients of the vocal tract; pulses are in higher ones.
        generator: Random generator of the noise.
    """
    noise = torch.randn(waveform.shape, generator=generator, device=generator.device).to(waveform)
    voice, breath = stft(waveform, n_fft), stft(noise, n_fft)
    shaped = breath * (envelope(voice, smooth=smooth) / envelope(breath, smooth=smooth))
    return at_level(istft(shaped, n_fft, waveform.shape), waveform)


def stft(waveform: Float[Tensor, "*b s"], n_fft: int) -> Tensor:
    """Return the complex spectra `(N, F, T)` of waveforms, with a hop of a quarter window."""
    flat, window = waveform.reshape(-1, waveform.shape[-1]), torch.hann_window(n_fft).to(waveform)
    return torch.stft(flat, n_fft, n_fft // 4, window=window, return_complex=True, pad_mode="constant")


def istft(spectra: Tensor, n_fft: int, shape: torch.Size) -> Tensor:
    """Return the waveforms of spectra, in the given shape."""
    window = torch.hann_window(n_fft).to(spectra.real)
    return torch.istft(spectra, n_fft, n_fft // 4, window=window, length=shape[-1]).reshape(shape)


def envelope(spectra: Tensor, *, smooth: int) -> Tensor:
    """Return the spectral envelope `(N, F, T)` of the vocal tract: the first cepstral coefficients of spectra."""
    log = spectra.abs().clamp(min=1e-7).log()
    cepstrum = torch.fft.irfft(log, dim=1)
    quefrency = torch.arange(cepstrum.shape[1], device=log.device)
    kept = (quefrency < smooth) | (quefrency > cepstrum.shape[1] - smooth)
    smooth_log: Tensor = torch.fft.rfft(cepstrum * kept[:, None], dim=1).real
    return smooth_log.exp()


def at_level(changed: Tensor, waveform: Tensor) -> Tensor:
    """Return a changed waveform at the level of the original."""
    return changed * (_rms(waveform) / _rms(changed).clamp(min=1e-12))


def to_length(waveform: Tensor, samples: int) -> Tensor:
    """Return a waveform resampled to a number of samples, by cutting or padding its spectrum."""
    spectrum, wanted = torch.fft.rfft(waveform), samples // 2 + 1
    spectrum = F.pad(spectrum, (0, max(0, wanted - spectrum.shape[-1])))[..., :wanted]
    resampled: Tensor = torch.fft.irfft(spectrum, n=samples)
    return resampled * (samples / waveform.shape[-1])


def _rms(waveform: Tensor) -> Tensor:
    return waveform.square().mean(dim=-1, keepdim=True).sqrt()
