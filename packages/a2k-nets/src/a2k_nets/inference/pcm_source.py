"""Sound from a pipe: raw 16-bit samples, or a WAV file whose end nobody has written yet."""

import struct
from collections.abc import Iterator
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

#: Bytes read at once at most; what a pipe holds comes at once, however little it is.
_BLOCK = 1 << 16

#: Samples a second that a WAV may tell; brought from 1 Hz to the model's rate, a damaged one's would fill the memory.
_RATES = (1_000, 768_000)


@runtime_checkable
class Readable(Protocol):
    """A pipe, a file, bytes in memory."""

    def read(self, size: int, /) -> bytes:
        """Return that many bytes, fewer only at the end."""
        ...


class PcmSource(NamedTuple):
    """Sound as it comes: its rate, samples a second, and an iterator of mono pieces in [-1, 1]."""

    rate: int
    pieces: Iterator[Float[Tensor, " s"]]


def open_pcm(source: Readable, *, rate: int) -> PcmSource:
    """Begin to read mono s16le samples at `rate`, or a 16-bit PCM WAV, which tells its own rate and channels.

    Raises:
        ValueError: A WAV of another coding or of no audible rate, or one that breaks off in its header.

    Example:
        >>> import io
        >>> [piece.tolist() for piece in open_pcm(io.BytesIO(bytes([0, 64, 0, 192])), rate=16_000).pieces]
        [[0.5, -0.5]]
    """
    head = source.read(4)
    if head != b"RIFF":
        return PcmSource(rate, _samples(source, head, channels=1, size=None))
    channels, rate, size = _read_header(source)
    return PcmSource(rate, _samples(source, b"", channels=channels, size=size))


def _read_header(source: Readable) -> tuple[int, int, int | None]:
    """Return channels, rate and bytes of sound, None where the writer did not know it."""
    if _exactly(source, 8)[4:] != b"WAVE":
        raise ValueError("expected a WAV file or raw 16-bit samples, got a RIFF file of another kind")
    channels = rate = 0
    while True:
        name, size = struct.unpack("<4sI", _exactly(source, 8))
        if name == b"data":
            break
        chunk = _passed(source, size + size % 2)
        if name == b"fmt ":
            coding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk.ljust(16, b"\0"))
            extended = coding == 0xFFFE and chunk[24:26] == b"\1\0"
            if not (coding == 1 or extended) or bits != 16 or not channels or not rate:
                raise ValueError(
                    f"expected 16-bit PCM in the WAV file, got coding {coding} of {bits} bits; "
                    "`ffmpeg -i FILE -f s16le -ac 1 -ar 16000 -` makes raw samples of anything"
                )
    if channels and not _RATES[0] <= rate <= _RATES[1]:
        raise ValueError(f"expected from {_RATES[0]} to {_RATES[1]} Hz in the WAV file, got {rate} Hz")
    if not channels:
        raise ValueError("expected a WAV file that tells its format before its sound, got none")
    # Writers to a pipe cannot go back to fill in the size.
    return channels, rate, size if 0 < size < 0xFFFFFFFF else None


def _exactly(source: Readable, count: int) -> bytes:
    data = source.read(count)
    if len(data) < count:
        raise ValueError("expected a whole WAV header, but the input ended within it")
    return data


def _passed(source: Readable, count: int) -> bytes:
    """Read that many bytes and return the first of them: a damaged header may announce four gigabytes."""
    first = _exactly(source, min(count, _BLOCK))
    left = count - len(first)
    while left:
        left -= len(_exactly(source, min(left, _BLOCK)))
    return first


def _samples(source: Readable, rest: bytes, *, channels: int, size: int | None) -> Iterator[Tensor]:
    """Yield the mean of the channels, piece by piece, until `size` bytes or the input end."""
    read = getattr(source, "read1", source.read)
    width = 2 * channels
    while True:
        block = read(_BLOCK if size is None else min(_BLOCK, size))
        size = None if size is None else size - len(block)
        data = rest + block
        whole = len(data) - len(data) % width
        if whole:
            values = torch.frombuffer(bytearray(data[:whole]), dtype=torch.int16).float() / 32768
            yield values.view(-1, channels).mean(dim=1)
        rest = data[whole:]
        if not block or size == 0:
            return
