"""Features of speech of any length, in constant memory, by overlapping windows."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.whisper.encoder import SAMPLES_PER_FEATURE, WhisperEncoder
from a2k_nets.whisper.noise_floor import add_noise_floor


class WindowedFeatures:
    """The state of an encoder between two pieces of a waveform.

    The encoder sees windows of `hop` + 2 · `overlap` feature vectors, fewer at the ends of the waveform, with a floor
    of noise (`add_noise_floor`). The `hop` vectors in the middle are used. So a vector knows at least `overlap` vectors
    of either side, and the windows do not depend on the pieces.

    Args:
        encoder: The encoder.
        hop: Feature vectors between the starts of two windows.
        overlap: Feature vectors that are seen but not used on each side.

    Example:
        >>> stream = WindowedFeatures(WhisperEncoder(), hop=100, overlap=25)
        >>> stream.push(torch.zeros(1, 48_000)).shape, stream.push(torch.zeros(1, 16_000), end=True).shape
        (torch.Size([1, 100, 384]), torch.Size([1, 100, 384]))
    """

    def __init__(self, encoder: WhisperEncoder, *, hop: int, overlap: int) -> None:
        self._encoder, self._hop, self._overlap = encoder, hop, overlap
        self._pending: list[Tensor] = []
        # Feature vectors: already returned, and before the first pending sample.
        self._done = self._first = 0

    def push(self, waveform: Float[Tensor, "b s"], *, end: bool = False) -> Float[Tensor, "b n d"]:
        """Return the feature vectors whose windows are complete with these samples; with `end`, all remaining ones.

        The whole waveform must have a multiple of 320 samples.
        """
        self._pending.append(waveform)
        samples = torch.cat(self._pending, dim=1)
        known = self._first + samples.shape[1] // SAMPLES_PER_FEATURE
        features = [samples.new_zeros(len(samples), 0, self._encoder.num_features)]
        while self._done < known and (end or known >= self._done + self._hop + self._overlap):
            start = max(0, self._done - self._overlap)
            stop = min(known, self._done + self._hop + self._overlap)
            window = samples[
                :, (start - self._first) * SAMPLES_PER_FEATURE : (stop - self._first) * SAMPLES_PER_FEATURE
            ]
            used = slice(self._done - start, min(known, self._done + self._hop) - start)
            window = add_noise_floor(window, first=start * SAMPLES_PER_FEATURE)
            features.append(self._encoder(window)[:, used])
            self._done += used.stop - used.start
        keep = max(0, self._done - self._overlap)
        # A copy, because a view would keep the whole piece in memory.
        self._pending = [samples[:, (keep - self._first) * SAMPLES_PER_FEATURE :].clone()]
        self._first = keep
        return torch.cat(features, dim=1)


def encode_waveform(
    encoder: WhisperEncoder, waveform: Float[Tensor, "b s"], *, hop: int, overlap: int
) -> Float[Tensor, "b n d"]:
    """Return the feature vectors of whole waveforms, by the windows of `WindowedFeatures`; silence fills up the end."""
    waveform = F.pad(waveform, (0, -waveform.shape[1] % SAMPLES_PER_FEATURE))
    return WindowedFeatures(encoder, hop=hop, overlap=overlap).push(waveform, end=True)
