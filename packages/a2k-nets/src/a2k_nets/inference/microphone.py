"""Sound from a microphone (the extra `mic`)."""

from collections.abc import Iterator

import torch
from torch import Tensor

from a2k_nets.inference.pcm_source import PcmSource

#: Seconds that come at once.
_BLOCK_SECONDS = 0.02


def open_microphone(*, rate: int) -> PcmSource:
    """Begin to record the default microphone, without an end.

    Raises:
        ImportError: `sounddevice` is not installed.
        OSError: There is no PortAudio, or no microphone.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise ImportError('expected sounddevice for a microphone: `pip install "a2k-nets[mic]"`') from error

    def pieces() -> Iterator[Tensor]:
        try:
            with sounddevice.RawInputStream(samplerate=rate, channels=1, dtype="int16") as stream:
                while True:
                    data, _ = stream.read(round(_BLOCK_SECONDS * rate))
                    yield torch.frombuffer(bytearray(data), dtype=torch.int16).float() / 32768
        except sounddevice.PortAudioError as error:
            raise OSError(f"expected a microphone, got: {error}") from error

    return PcmSource(rate, pieces())
