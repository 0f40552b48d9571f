"""Audio from a microphone (the extra `mic`)."""

from collections.abc import Iterator

from torch import Tensor

from a2k_nets.inference.pcm_source import PcmSource, to_float

_BLOCK_SECONDS = 0.02


def open_microphone(*, rate: int) -> PcmSource:
    """Record from the default microphone until the program stops.

    Raises:
        ImportError: `sounddevice` is not installed.
        OSError: There is no PortAudio, or no microphone.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise ImportError('expected sounddevice for a microphone: `pip install "a2k-nets[mic]"`') from error

    def record() -> Iterator[Tensor]:
        try:
            with sounddevice.RawInputStream(samplerate=rate, channels=1, dtype="int16") as stream:
                while True:
                    data, _ = stream.read(round(_BLOCK_SECONDS * rate))
                    yield to_float(data)
        except sounddevice.PortAudioError as error:
            raise OSError(f"expected a microphone, got: {error}") from error

    return PcmSource(rate, record())
