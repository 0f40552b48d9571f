"""What the head hears: loudness, bands and pitch of speech, by running statistics and with a look-ahead of 71 ms."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor, nn

from a2k_nets.blocks.constants import constant
from a2k_nets.blocks.log_mel import mel_filter_bank
from a2k_nets.config.head import HeadConfig

SAMPLE_RATE, SAMPLES_PER_FRAME = 16_000, 640

# The Fourier windows of `AudioConfig`: four in a video frame.
_HOP, _FFT, _HANN, _HOPS = 160, 512, 400, 4
#: Samples that the windows of one frame cover.
WINDOW = (_HOPS - 1) * _HOP + _FFT
#: Features beside the bands: loudness of each hop, pitch, and whether there is one.
_OTHERS = _HOPS + 2

# Logarithms of base 10 of the root mean square of 10 ms. The level is the loudest lately; it falls by 1 dB a second.
_QUIETEST, _LOWEST_LEVEL, _FALL = -5.0, -3.0, 0.002
# Below the level by this much, speech is taken for a pause.
_PAUSE, _UNVOICED = 1.2, 1.5
# Added to magnitudes that are divided by the level.
_OFFSET = 0.1
# Running means forget over 4 s, and begin with the weight of half a second.
_KEPT, _PRIOR = 0.99, 12.0
# Bounds the weights of running means from below.
_LEAST = 1e-6

# Pitch is searched in sound at 4 kHz, in periods from 2.5 to 16.5 ms.
_DECIMATION, _SHORTEST, _LONGEST = 4, 10, 66
_PERIODIC = 0.5
# Logarithm of base 2 of a typical pitch, Hz.
_TYPICAL_PITCH = 7.3

# Frames of one product in a running sum.
_BLOCK = 64


@dataclass(slots=True)
class FeatureState:
    """Running statistics of B sounds, in double precision.

    Attributes:
        numbers: `(B, M + 4)`: the level, a logarithm of base 10; decaying sums of the bands of speech, of its frames,
            of the logarithm of the pitch, and of the voiced frames. One tensor, since streams keep theirs in rows.
    """

    numbers: Float64[Tensor, "b n"]


class SpeechFeatures(nn.Module):
    """Features of speech for each video frame, from the samples under its four Fourier windows and those before.

    They do not depend on the gain of a recording, and hardly on its channel: all are relative to the level, the mean
    spectrum and the mean pitch of the speech so far. Everything is computed in double precision, so that a sound in
    pieces gives the features of the whole.

    Args:
        config: Number of bands, look-ahead.
    """

    filters: Float64[Tensor, "m n"]
    window: Float64[Tensor, " n"]
    pitch_window: Float64[Tensor, " n"]
    pitch_envelope: Float64[Tensor, " l"]
    typical_bands: Float[Tensor, " m"]
    """Mean of the bands of speech, with which running means begin; saved with the network."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.config = config
        filters = mel_filter_bank(SAMPLE_RATE, _FFT, config.bands, f_min=125.0, f_max=7_500.0).double()
        missing = (_FFT - _HANN) // 2
        window = nn.functional.pad(torch.hann_window(_HANN, dtype=torch.float64), (missing, missing))
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("window", window, persistent=False)
        pitch_window = torch.hann_window(WINDOW // _DECIMATION, dtype=torch.float64)
        self.register_buffer("pitch_window", pitch_window, persistent=False)
        envelope = self.autocorrelation(pitch_window)
        self.register_buffer("pitch_envelope", (envelope / envelope[0] + 1e-3)[_SHORTEST - 1 :], persistent=False)
        self.register_buffer("typical_bands", torch.zeros(config.bands))

    @property
    def num_features(self) -> int:
        """Features of a frame."""
        return _HOPS * self.config.bands + _OTHERS

    @property
    def offset(self) -> int:
        """Samples from the beginning of a frame to that of its first Fourier window."""
        return self.config.lookahead_hops * _HOP - (_FFT - _HOP) // 2

    def begin(self, batch: int) -> FeatureState:
        """Return the state before the first frame."""
        typical = self.typical_bands.double().tolist()
        numbers = [_LOWEST_LEVEL, *(_PRIOR * band for band in typical), _PRIOR, _PRIOR * _TYPICAL_PITCH, _PRIOR]
        return FeatureState(self.filters.new_tensor(numbers).repeat(batch, 1))

    def forward(self, samples: Float[Tensor, "b s"], state: FeatureState) -> Float64[Tensor, "b t c"]:
        """Return the features of the next T frames, and advance the state.

        Args:
            samples: Speech in [-1, 1] at 16 kHz: (T - 1) · 640 + 992 samples, which begin `offset` samples after the
                first of the frames; silence after the end of a recording.
            state: The running statistics, from `begin` for the first frame.
        """
        pieces = samples.double().unfold(-1, WINDOW, SAMPLES_PER_FRAME)
        loudness = self._loudness(pieces)
        loudest = loudness.amax(dim=-1)
        level = falling_maximum(loudest, state.numbers[:, 0])
        bands = self._bands(pieces, level)
        pitch, periodic = self._pitch(pieces)
        above = loudest - level
        speech = (above > -_PAUSE).double()
        voiced = ((periodic > _PERIODIC) & (above > -_UNVOICED)).double()
        # Weighted values and their weights in one sum.
        weighted = (bands.mean(dim=2) * speech[..., None], torch.stack((speech, pitch * voiced, voiced), dim=-1))
        sums = decaying_sum(torch.cat(weighted, dim=-1), state.numbers[:, 1:])
        state.numbers = torch.cat((level[:, -1:], sums[:, -1]), dim=-1)
        of_bands, of_speech, of_pitch, of_voiced = torch.split(sums, [self.config.bands, 1, 1, 1], dim=-1)
        heights = (bands - (of_bands / of_speech.clamp(min=_LEAST))[:, :, None]).flatten(2)
        below = (loudness - level[..., None]).clamp(min=-2.5)
        voiced = voiced[..., None]
        relative = voiced * (pitch[..., None] - of_pitch / of_voiced.clamp(min=_LEAST)).clamp(-1, 1)
        return torch.cat((heights, below, relative, voiced), dim=-1)

    def is_pause(self, features: Float64[Tensor, "b t c"]) -> Bool[Tensor, "b t"]:
        """Return the frames in which no hop is as loud as speech, from the features of `forward`."""
        first = _HOPS * self.config.bands
        return features[..., first : first + _HOPS].amax(dim=-1) < -_PAUSE

    def mean_bands(self, samples: Float[Tensor, "b s"]) -> tuple[Float64[Tensor, "b m"], Float64[Tensor, " b"]]:
        """Return the sum of the bands of speech and the number of its frames, to fit `typical_bands`."""
        pieces = samples.double().unfold(-1, WINDOW, SAMPLES_PER_FRAME)
        loudest = self._loudness(pieces).amax(dim=-1)
        level = falling_maximum(loudest, self.begin(len(samples)).numbers[:, 0])
        speech = (loudest > level - _PAUSE).double()
        return (self._bands(pieces, level).mean(dim=2) * speech[..., None]).sum(dim=1), speech.sum(dim=1)

    def _loudness(self, pieces: Float64[Tensor, "b t s"]) -> Float64[Tensor, "b t 4"]:
        """Return the logarithm of the root mean square of the 10 ms in the middle of each Fourier window."""
        first = (_FFT - _HOP) // 2
        hops = pieces[..., first : first + _HOPS * _HOP].reshape(*pieces.shape[:-1], _HOPS, _HOP)
        loudness: Tensor = hops.square().mean(dim=-1).clamp(min=10 ** (2 * _QUIETEST)).log10() / 2
        return loudness

    def _bands(self, pieces: Float64[Tensor, "b t s"], level: Float64[Tensor, "b t"]) -> Float64[Tensor, "b t 4 m"]:
        """Return the logarithm of the mel magnitudes relative to the level."""
        magnitudes = self.magnitudes(pieces.unfold(-1, _FFT, _HOP) * self.window)
        return (magnitudes @ self.filters.T * (10**-level)[..., None, None] + _OFFSET).log()

    def magnitudes(self, windows: Float64[Tensor, "*b n"]) -> Float64[Tensor, "*b f"]:
        """Return the magnitudes of the spectrum of windowed samples."""
        return _power(windows, _FFT).sqrt()

    def _pitch(self, pieces: Float64[Tensor, "b t s"]) -> tuple[Float64[Tensor, "b t"], Float64[Tensor, "b t"]]:
        """Return the logarithm of base 2 of the pitch, Hz, and how periodic the sound is, about 0 to 1.

        It is the highest peak of the autocorrelation, divided by that of the window (Boersma 1993).
        """
        slow = pieces.reshape(*pieces.shape[:-1], -1, _DECIMATION).mean(dim=-1)
        sound = self.autocorrelation((slow - slow.mean(dim=-1, keepdim=True)) * self.pitch_window)
        # From one period shorter to one longer than those that are searched; the energy scales all of them.
        ratio = sound[..., _SHORTEST - 1 :] / self.pitch_envelope
        peak = ratio[..., 1:-1].argmax(dim=-1, keepdim=True)
        around = constant((0, 1, 2), torch.int64, peak.device)
        before, height, after = (ratio.gather(-1, peak + around) / (sound[..., :1] + 1e-8)).unbind(dim=-1)
        # The vertex of the parabola through three points, at most half a sample away.
        bend = (2 * height - before - after).clamp(min=1e-9)
        lag = (peak[..., 0] + _SHORTEST) + (0.5 * (after - before) / bend).clamp(-0.5, 0.5)
        return (SAMPLE_RATE / _DECIMATION / lag).log2(), height

    def autocorrelation(self, sound: Float64[Tensor, "*b n"]) -> Float64[Tensor, "*b l"]:
        """Return the autocorrelation for lags from 0 to one after the longest period."""
        correlation: Tensor = torch.fft.irfft(_power(sound, _FFT))[..., : _LONGEST + 2]
        return correlation


def _power(sound: Float64[Tensor, "*b n"], length: int) -> Float64[Tensor, "*b f"]:
    """Return the squared magnitudes of the spectrum."""
    # Written out, since `abs` of complex numbers guards against overflow and takes as long as the transform.
    real, imaginary = torch.view_as_real(torch.fft.rfft(sound, length)).unbind(dim=-1)
    return real * real + imaginary * imaginary


def falling_maximum(x: Float64[Tensor, "b t"], before: Float64[Tensor, " b"]) -> Float64[Tensor, "b t"]:
    """Return the largest value so far, where older ones count less by a constant a frame, bounded from below."""
    if x.shape[1] == 1:
        return torch.maximum(x, before[:, None] - _FALL).clamp(min=_LOWEST_LEVEL)
    rise = _FALL * torch.arange(1, x.shape[1] + 1, dtype=x.dtype, device=x.device)
    highest = torch.cat((before[:, None], x + rise), dim=1).cummax(dim=1).values[:, 1:] - rise
    return highest.clamp(min=_LOWEST_LEVEL)


def decaying_sum(x: Float64[Tensor, "b t c"], before: Float64[Tensor, "b c"]) -> Float64[Tensor, "b t c"]:
    """Return y_t = 0.99 · y_{t-1} + x_t after the last sum."""
    if x.shape[1] == 1:
        return torch.add(x, before[:, None], alpha=_KEPT)
    found = []
    age = torch.arange(min(_BLOCK, x.shape[1]), dtype=x.dtype, device=x.device)
    lag = age[:, None] - age
    weights = torch.where(lag >= 0, _KEPT ** lag.clamp(min=0), 0.0)
    kept = (_KEPT ** (age + 1))[:, None]
    for start in range(0, x.shape[1], _BLOCK):
        block = x[:, start : start + _BLOCK]
        length = block.shape[1]
        sums = weights[:length, :length] @ block + kept[:length] * before[:, None]
        before = sums[:, -1]
        found.append(sums)
    return torch.cat(found, dim=1)
