"""Sound at another sample rate, piece by piece."""

import av
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

#: Sample rates that the sound of a file may have; brought from 1 Hz to 16 kHz, a damaged one's would fill the memory.
RATES = (1_000, 768_000)


class Resampler:
    """Brings a mono waveform that comes in pieces to another sample rate (FFmpeg).

    The pieces of the result, put together, are the same samples however the sound was cut.

    Args:
        from_rate: Samples a second of what comes.
        to_rate: Samples a second of the result.

    Example:
        >>> resampler = Resampler(from_rate=48000, to_rate=16000)
        >>> pieces = [resampler.push(torch.zeros(4800)) for _ in range(10)]
        >>> sum(map(len, pieces)) + len(resampler.flush())
        16000
    """

    def __init__(self, *, from_rate: int, to_rate: int) -> None:
        if min(from_rate, to_rate) < 1 or max(from_rate, to_rate) >= 1 << 31:
            raise ValueError(f"expected positive sample rates, got {from_rate} and {to_rate}, of at most 2³¹ - 1")
        self._rates = from_rate, to_rate
        self._resampler = None if from_rate == to_rate else av.AudioResampler("flt", "mono", to_rate)
        self._heard = self._made = 0

    def push(self, samples: Float[Tensor, " s"]) -> Float[Tensor, " r"]:
        """Return what these samples complete: all but the last few, on which the filter still waits."""
        samples = samples.to(torch.float32)
        self._heard += len(samples)
        if self._resampler is None or not len(samples):
            return samples
        frame = av.AudioFrame.from_ndarray(samples.numpy()[None], format="flt", layout="mono")
        frame.sample_rate = self._rates[0]
        return self._take(frame)

    def flush(self) -> Float[Tensor, " r"]:
        """Return the rest, so that there are `max(1, round(S * to_rate / from_rate))` samples in all."""
        if self._resampler is None or not self._heard:
            return torch.zeros(0)
        made = self._made
        rest = self._take(None)
        length = max(1, round(self._heard * self._rates[1] / self._rates[0])) - made
        return torch.nn.functional.pad(rest, (0, max(0, length - len(rest))))[:length]

    def _take(self, frame: av.AudioFrame | None) -> Tensor:
        assert self._resampler is not None
        out = [part.to_ndarray()[0] for part in self._resampler.resample(frame)]
        self._made += sum(map(len, out))
        return torch.from_numpy(np.concatenate(out) if out else np.zeros(0, np.float32))
