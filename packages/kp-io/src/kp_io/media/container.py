"""Media files opened and decoded, with everything that can be wrong with them (PyAV)."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

logger = logging.getLogger(__name__)

#: Broken packets after which a file counts as unreadable rather than damaged.
_MAX_BROKEN_PACKETS = 1000

#: What FFmpeg takes a text file for.
_NO_MEDIA_FORMATS = frozenset({"tty", "bin", "xbin", "adf", "idf"})


def open_media(source: Path, *, expected: str) -> InputContainer:
    """Open a file for reading.

    Args:
        source: The file; its name is only a name, whatever is in it.
        expected: What it should be, for the errors: "a video".

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is empty, or nothing that FFmpeg knows.
    """
    if not source.is_file():
        raise FileNotFoundError(f"expected {expected}, found {'the folder' if source.is_dir() else 'no file'} {source}")
    if source.stat().st_size == 0:
        raise ValueError(f"expected {expected}, got {source}, which is empty (0 bytes)")
    try:
        # Without `file:`, FFmpeg would read a name such as `10:30.mp4` as an address.
        container = av.open(f"file:{source}", metadata_errors="ignore")
    except FFmpegError as error:
        reason = error.strerror or error
        raise ValueError(
            f"expected {expected} that can be read (MP4, MKV, WebM, AVI, WAV, …), got {source}: {reason}"
        ) from error
    if container.format.name in _NO_MEDIA_FORMATS:
        container.close()
        raise ValueError(f"expected {expected}, got {source}, which holds no video stream and no sound")
    return container


def moving_pictures(container: InputContainer) -> VideoStream | None:
    """Return the first stream of moving pictures: the cover of an audio file is none."""
    return next((s for s in container.streams.video if not s.disposition & Disposition.attached_pic), None)


def decoded(container: InputContainer, stream: VideoStream | AudioStream, source: Path) -> Iterator[Any]:
    """Yield the frames of a stream that can be decoded; broken packets are skipped and reported.

    Yields:
        `av.VideoFrame` or `av.AudioFrame`, as the stream is.

    Raises:
        ValueError: So many are broken that the file is.
    """
    broken = good = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                break
            frames = packet.decode()
        except FFmpegError as error:
            broken += 1
            logger.debug("%s: skipped a broken packet: %s", source, error)
            if broken > _MAX_BROKEN_PACKETS:
                kind = "a video" if stream.type == "video" else "sound"
                raise ValueError(f"expected {kind} that can be decoded, got {source}: {error.strerror}") from error
            continue
        good += len(frames)
        yield from frames
    if broken and good:  # where nothing could be read, that is what whoever asked has to say
        logger.warning("%s is damaged: %d broken packets of its %s were skipped", source, broken, stream.type)
