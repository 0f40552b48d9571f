"""The sound of a live stream: from a client's messages to samples at the model's rate."""

import numpy as np
import torch
from jaxtyping import Float

from a2k_nets.server.live.errors import StreamError
from a2k_nets.server.live.protocol import StreamRequest
from kp_io.media import OpusDecoder, Resampler


class IncomingSound:
    """Decodes and resamples the messages of one stream.

    Samples at the model's rate, which most clients send, stay NumPy's on their way: every call counts, since there is a
    message for every frame.

    Args:
        request: Encoding and rate of the messages.
        rate: The model's sample rate, Hz.

    Example:
        >>> IncomingSound(StreamRequest(), rate=16_000).push(bytes([0, 64, 0, 192]))
        array([ 0.5, -0.5], dtype=float32)
    """

    def __init__(self, request: StreamRequest, *, rate: int) -> None:
        self._opus = OpusDecoder() if request.encoding == "opus" else None
        from_rate = self._opus.rate if self._opus else request.rate
        self._resampler = None if from_rate == rate else Resampler(from_rate=from_rate, to_rate=rate)

    def push(self, message: bytes) -> Float[np.ndarray, " s"]:
        """Return the samples that are complete with a message.

        Raises:
            StreamError: The message is no whole number of samples, or no Opus packet.
        """
        if self._opus is None:
            if len(message) % 2:
                raise StreamError("malformed", f"expected whole 16-bit samples, got {len(message)} bytes")
            samples: Float[np.ndarray, " s"] = np.frombuffer(message, "<i2") * np.float32(1 / 32_768)
        else:
            try:
                samples = self._opus.push(message).numpy()
            except ValueError as error:
                raise StreamError("malformed", str(error)) from None
        return samples if self._resampler is None else self._resampler.push(torch.from_numpy(samples)).numpy()

    def flush(self) -> Float[np.ndarray, " s"]:
        """Return the last samples, which the resampler holds back."""
        return np.zeros(0, np.float32) if self._resampler is None else self._resampler.flush().numpy()
