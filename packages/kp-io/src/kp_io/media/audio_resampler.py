"""Streaming resampler for audio (PyAV)."""

import av
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

#: Valid sample rates of audio files; resampling from a damaged 1 Hz to 16 kHz would fill the memory.
RATES = (1_000, 768_000)


class Resampler:
    """Streaming resampler for a mono waveform (FFmpeg).

    The concatenated output does not depend on how the input is split into chunks.

    Example:
        >>> resampler = Resampler(from_rate=48000, to_rate=16000)
        >>> chunks = [resampler.push(torch.zeros(4800)) for _ in range(10)]
        >>> sum(map(len, chunks)) + len(resampler.flush())
        16000
    """

    def __init__(self, *, from_rate: int, to_rate: int) -> None:
        if min(from_rate, to_rate) < 1 or max(from_rate, to_rate) >= 1 << 31:
            raise ValueError(f"expected positive sample rates, got {from_rate} and {to_rate}, of at most 2³¹ - 1")
        self._rates = from_rate, to_rate
        self._resampler = None if from_rate == to_rate else av.AudioResampler("flt", "mono", to_rate)
        self._num_in = self._num_out = 0

    def push(self, samples: Float[Tensor, " s"]) -> Float[Tensor, " r"]:
        """Return the samples that are ready: the filter holds back the last few."""
        samples = samples.to(torch.float32)
        self._num_in += len(samples)
        if self._resampler is None or not len(samples):
            return samples
        frame = av.AudioFrame.from_ndarray(samples.numpy()[None], format="flt", layout="mono")
        frame.sample_rate = self._rates[0]
        return self._filter(frame)

    def flush(self) -> Float[Tensor, " r"]:
        """Return the rest, for a total of `max(1, round(S * to_rate / from_rate))` samples."""
        if self._resampler is None or not self._num_in:
            return torch.zeros(0)
        length = max(1, round(self._num_in * self._rates[1] / self._rates[0])) - self._num_out
        rest = self._filter(None)
        return torch.nn.functional.pad(rest, (0, max(0, length - len(rest))))[:length]

    def _filter(self, frame: av.AudioFrame | None) -> Tensor:
        assert self._resampler is not None
        out = [part.to_ndarray()[0] for part in self._resampler.resample(frame)]
        self._num_out += sum(map(len, out))
        return torch.from_numpy(np.concatenate(out) if out else np.zeros(0, np.float32))
