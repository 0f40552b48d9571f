"""Audio as it arrives: from a pipe (raw 16-bit samples, or a WAV file that is still being written) or a microphone."""

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.extras import how_to_install

#: Bytes per read at most; what a pipe holds is returned at once, however little it is.
_BLOCK = 1 << 16

#: Seconds per chunk of the microphone.
_MICROPHONE_SECONDS = 0.02

#: Sample rates that a WAV header may give: resampled from 1 Hz, a damaged file would fill the memory.
_RATES = (1_000, 768_000)


@runtime_checkable
class Readable(Protocol):
    """A pipe, a file, or bytes in memory."""

    def read(self, size: int, /) -> bytes:
        """Return that many bytes, fewer only at the end."""
        ...


class PcmSource(NamedTuple):
    """Incoming audio: its sample rate in Hz, and an iterator of mono chunks in [-1, 1]."""

    rate: int
    chunks: Iterator[Float[Tensor, " s"]]


#: Makes, for the channels, channel mask and sample rate of a WAV file, a function from samples `(S, C)` to mono `(S,)`.
MakeMix = Callable[[int, int, int], Callable[[Tensor], Tensor]]


def open_pcm(source: Readable, *, rate: int, make_mix: MakeMix | None = None) -> PcmSource:
    """Read mono s16le samples at `rate`, or a 16-bit PCM WAV, whose header gives its rate and channels.

    Args:
        source: The samples or the WAV file.
        rate: Sample rate of raw samples, in Hz.
        make_mix: How to mix the channels of a WAV file; by default to their mean.

    Raises:
        ValueError: A WAV with another encoding or an implausible rate, or one that ends within its header.

    Example:
        >>> import io
        >>> [chunk.tolist() for chunk in open_pcm(io.BytesIO(bytes([0, 64, 0, 192])), rate=16_000).chunks]
        [[0.5, -0.5]]
    """
    magic = source.read(4)
    if magic != b"RIFF":
        return PcmSource(rate, _read_samples(source, magic, channels=1, size=None, mix=_mean))
    channels, mask, rate, size = _read_header(source)
    mix = _mean if make_mix is None else make_mix(channels, mask, rate)
    return PcmSource(rate, _read_samples(source, b"", channels=channels, size=size, mix=mix))


def open_microphone(*, rate: int) -> PcmSource:
    """Record from the default microphone (extra `mic`) until the program stops.

    Raises:
        ImportError: `sounddevice` is not installed.
        OSError: There is no PortAudio, or no microphone.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise ImportError(f"a microphone needs sounddevice: {how_to_install('mic')}") from error

    def record() -> Iterator[Tensor]:
        try:
            with sounddevice.RawInputStream(samplerate=rate, channels=1, dtype="int16") as stream:
                while True:
                    data, _ = stream.read(round(_MICROPHONE_SECONDS * rate))
                    yield _to_float(bytes(data))
        except sounddevice.PortAudioError as error:
            raise OSError(f"expected a microphone, got: {error}") from error

    return PcmSource(rate, record())


def _to_float(data: bytes) -> Float[Tensor, " s"]:
    """Return 16-bit samples as numbers in [-1, 1)."""
    return torch.frombuffer(bytearray(data), dtype=torch.int16).float() / 32768


def _mean(samples: Tensor) -> Tensor:
    return samples.mean(dim=1)


def _read_header(source: Readable) -> tuple[int, int, int, int | None]:
    """Return channels, channel mask, sample rate and bytes of audio, None where the writer did not know them."""
    if _read_exactly(source, 8)[4:] != b"WAVE":
        raise ValueError("expected a WAV file or raw 16-bit samples, got a RIFF file of another kind")
    channels = rate = mask = 0
    while True:
        name, size = struct.unpack("<4sI", _read_exactly(source, 8))
        if name == b"data":
            break
        chunk = _read_chunk(source, size + size % 2)
        if name == b"fmt ":
            encoding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk.ljust(16, b"\0"))
            extended = encoding == 0xFFFE and chunk[24:26] == b"\1\0"
            mask = int.from_bytes(chunk[20:24], "little") if extended else 0
            if not (encoding == 1 or extended) or bits != 16 or not channels or not rate:
                raise ValueError(
                    f"expected 16-bit PCM in the WAV file, got encoding {encoding} of {bits} bits; "
                    "`ffmpeg -i FILE -f s16le -ac 1 -ar 16000 -` converts any file to raw samples"
                )
    if channels and not _RATES[0] <= rate <= _RATES[1]:
        raise ValueError(f"expected from {_RATES[0]} to {_RATES[1]} Hz in the WAV file, got {rate} Hz")
    if not channels:
        raise ValueError("expected a WAV file with a format chunk before its samples, got none")
    # A writer to a pipe cannot go back to fill in the size.
    return channels, mask, rate, size if 0 < size < 0xFFFFFFFF else None


def _read_exactly(source: Readable, count: int) -> bytes:
    data = source.read(count)
    if len(data) < count:
        raise ValueError("expected a whole WAV header, but the input ended within it")
    return data


def _read_chunk(source: Readable, count: int) -> bytes:
    """Read that many bytes and return the first block: a damaged header may announce four gigabytes."""
    first = _read_exactly(source, min(count, _BLOCK))
    left = count - len(first)
    while left:
        left -= len(_read_exactly(source, min(left, _BLOCK)))
    return first


def _read_samples(
    source: Readable, rest: bytes, *, channels: int, size: int | None, mix: Callable[[Tensor], Tensor]
) -> Iterator[Tensor]:
    """Yield the mix of the channels, chunk by chunk, until `size` bytes or the end of the input."""
    read = getattr(source, "read1", source.read)
    width = 2 * channels
    while True:
        block = read(_BLOCK if size is None else min(_BLOCK, size))
        size = None if size is None else size - len(block)
        data = rest + block
        whole = len(data) - len(data) % width
        if whole:
            yield mix(_to_float(data[:whole]).view(-1, channels))
        rest = data[whole:]
        if not block or size == 0:
            return
