"""Decode sound in a container while it comes in through a pipe (PyAV)."""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, NamedTuple, Protocol, runtime_checkable

import av
import torch
from av.error import FFmpegError
from jaxtyping import Float
from torch import Tensor

from kp_io.media.sound.mono_blocks import mono_blocks
from kp_io.media.sound.mpeg_header import mpeg_frame_length, stated_samples

#: Offset and magic bytes by kind of file; raw samples practically never begin like this.
_MAGIC = {
    "MP3 file with tags": (0, b"ID3"),
    "FLAC file": (0, b"fLaC"),
    "Ogg file": (0, b"OggS"),
    "RF64 file": (0, b"RF64"),
    "BW64 file": (0, b"BW64"),
    "RIFX file": (0, b"RIFX"),
    "AIFF file": (0, b"FORM"),
    "AU file": (0, b".snd"),
    "W64 file": (0, b"riff"),
    "Matroska or WebM file": (0, b"\x1a\x45\xdf\xa3"),
    "CAF file": (0, b"caff"),
    "AMR file": (0, b"#!AM"),
    "ASF file": (0, b"\x30\x26\xb2\x75"),
    "FLV file": (0, b"FLV\1"),
    "WavPack file": (0, b"wvpk"),
    "Monkey's Audio file": (0, b"MAC "),
    "MPEG program stream": (0, b"\0\0\1\xba"),
    "MP4 file": (4, b"ftyp"),
    "QuickTime file": (4, b"moov"),
}

#: The bytes by which most kinds of files are told from raw samples.
HEAD_BYTES = 12

_AC3_KBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)

_TS_PACKET = 188

_NUM_FIRST_BYTES = 1 << 18


@runtime_checkable
class ByteSource(Protocol):
    """A pipe, a file, or bytes in memory."""

    def read(self, size: int, /) -> bytes:
        """Return that many bytes, fewer only at the end."""
        ...


class SoundPipe(NamedTuple):
    """Incoming sound: its sample rate in Hz, and an iterator of mono chunks."""

    rate: int
    chunks: Iterator[Float[Tensor, " s"]]


def open_pipe(source: ByteSource) -> "SoundPipe | Rewound":
    """Decode a pipe that holds a container, or return it rewound if it holds raw samples or a WAV file.

    Raises:
        ValueError: The format cannot be read from a pipe, or holds no sound.

    Example:
        >>> import io
        >>> open_pipe(io.BytesIO(b"samples")).read(9)
        b'samples'
    """
    head = source.read(HEAD_BYTES)
    lengths = (mpeg_frame_length(head), _adts_length(head), _ac3_length(head))
    packets = 2 * _TS_PACKET + 1 if head[:1] == b"\x47" else 0
    wanted = max(packets, *(length and length + HEAD_BYTES for length in lengths))
    if wanted > HEAD_BYTES:
        head += source.read(wanted - HEAD_BYTES)
    rewound = Rewound(source, head)
    return rewound if name_of_container(head) is None else _decode(rewound, name_of_container(head) or "")


def name_of_container(head: bytes) -> str | None:
    """Return what kind of file begins with these bytes; None for raw samples.

    Example:
        >>> name_of_container(b"OggS" + bytes(24))
        'Ogg file'
    """
    for name, (offset, magic) in _MAGIC.items():
        if head[offset : offset + len(magic)] == magic:
            return name
    if len(head) > 2 * _TS_PACKET and head[0] == head[_TS_PACKET] == head[2 * _TS_PACKET] == 0x47:
        return "MPEG transport stream"
    # A header alone may be a sample; another header where it says that the next one is, hardly.
    for name, length_of in (("MP3 file", mpeg_frame_length), ("AAC file", _adts_length), ("AC-3 file", _ac3_length)):
        first = length_of(head)
        if first and length_of(head[first:]):
            return name
    return None


def _decode(source: "Rewound", name: str) -> SoundPipe:
    """Decode the first audio stream as it comes in, mixed to mono as by `read_audio`."""
    try:
        container = av.open(_OnlyRead(source.read1), "r", metadata_errors="ignore")
        if not container.streams.audio:
            raise ValueError(f"expected sound on the input, got a {name} without an audio stream")
        stream = container.streams.audio[0]
        blocks = mono_blocks(container.decode(stream), "the input", at_once=True)
        first = next(blocks, None)
        left = stated_samples(source.first_bytes)  # FFmpeg cuts the padding at the end of an MP3 only where it can seek
    except FFmpegError as error:
        raise _unreadable(name, error) from error
    if first is None:
        raise ValueError(f"expected sound on the input, got a {name} of 0 samples")

    def chunks() -> Iterator[Tensor]:
        done = 0
        try:
            for block in chain([first], blocks):
                samples = block.samples if left is None else block.samples[: max(0, left - done)]
                done += len(samples)
                yield torch.from_numpy(samples)
        except FFmpegError as error:
            raise _unreadable(name, error) from error

    return SoundPipe(first.rate, chunks())


def _unreadable(name: str, error: Any) -> ValueError:
    return ValueError(
        f"expected sound that can be read from a pipe, got a {name}: {error.strerror or error}; "
        "`ffmpeg -i FILE -f s16le -ac 1 -ar 16000 -` converts any file to raw samples"
    )


class Rewound:
    """The bytes of a pipe with those that were read already."""

    def __init__(self, source: ByteSource, head: bytes) -> None:
        self.first_bytes = b""  # the first bytes that were read, for tags in them
        self._source = source
        self._read1 = getattr(source, "read1", source.read)
        self._head = head

    def read(self, size: int, /) -> bytes:
        """Return that many bytes, fewer only at the end."""
        part, self._head = self._head[:size], self._head[size:]
        return part + self._source.read(size - len(part)) if len(part) < size else part

    def read1(self, size: int, /) -> bytes:
        """Return what is there, at most that many bytes and at least one before the end."""
        part, self._head = self._head[:size], self._head[size:]
        part = part or bytes(self._read1(size))
        if len(self.first_bytes) < _NUM_FIRST_BYTES:
            self.first_bytes += part
        return part


class _OnlyRead(NamedTuple):
    """PyAV takes what has no `seek` for a stream."""

    read: Callable[[int], bytes]


def _adts_length(head: bytes) -> int:
    """Return the bytes of the AAC frame that begins here, 0 if none does."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 > 12:
        return 0
    return (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5


def _ac3_length(head: bytes) -> int:
    """Return the bytes of the AC-3 frame that begins here, 0 if none does."""
    if len(head) < 6 or head[:2] != b"\x0b\x77" or head[4] >> 6 == 3 or (head[4] & 63) > 37:
        return 0
    size = _AC3_KBITS[(head[4] & 63) >> 1]
    rate = head[4] >> 6
    return 2 * (2 * size, 320 * size // 147 + (head[4] & 1), 3 * size)[rate]
