"""Opus packets as they come over a network, without a container (PyAV)."""

import struct

import av
import numpy as np
import torch
from av.error import FFmpegError
from jaxtyping import Float
from torch import Tensor

#: The longest packet has 120 ms, at most 48 frames of up to 1,275 bytes with sizes of two bytes, and two bytes before.
_MAX_BYTES = 48 * 1_277 + 2


class OpusDecoder:
    """Decodes one Opus packet after another to mono (RFC 6716), as WebRTC and WebCodecs send them.

    Example:
        >>> OpusDecoder().push(bytes([0xF8])).shape  # a packet of 20 ms that holds nothing
        torch.Size([960])
    """

    #: Samples per second of what comes out, whatever the encoder was given.
    rate = 48_000

    def __init__(self) -> None:
        self._decoder = av.CodecContext.create("opus", "r")
        # Version, channels, samples to skip at the beginning, rate of the source, gain, mapping of the channels.
        self._decoder.extradata = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, self.rate, 0, 0)
        self._decoder.open()

    def push(self, packet: bytes) -> Float[Tensor, " s"]:
        """Return the samples of a packet, in [-1, 1].

        Raises:
            ValueError: It is no Opus packet.
        """
        if not 0 < len(packet) <= _MAX_BYTES:
            raise ValueError(f"expected an Opus packet of 1 to {_MAX_BYTES} bytes, got {len(packet)}")
        try:
            frames = [frame.to_ndarray()[0] for frame in self._decoder.decode(av.Packet(packet))]
        except FFmpegError as error:
            raise ValueError(f"expected an Opus packet, got {len(packet)} bytes of something else") from error
        samples = np.concatenate([np.zeros(0, np.float32), *frames])
        # A damaged packet may decode to more than full scale.
        return torch.from_numpy(np.nan_to_num(samples).clip(-1, 1))
