"""Open and decode media files, whatever is wrong with them (PyAV)."""

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

#: Bytes of a packet of WAV and Wave64, whose default of 1024 samples takes thousands of calls a minute.
_OPTIONS = {"max_size": "16384"}

#: With more broken packets than this, a file is unreadable rather than damaged.
_MAX_BROKEN_PACKETS = 1000

#: Formats that FFmpeg detects in text files.
_NO_MEDIA_FORMATS = frozenset({"tty", "bin", "xbin", "adf", "idf"})


def open_media(source: Path, *, expected: str) -> InputContainer:
    """Open a file for reading; `expected` says what it should be in errors, such as "a video".

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file is empty, or FFmpeg does not know its format.
    """
    if not source.is_file():
        raise FileNotFoundError(f"expected {expected}, found {'the folder' if source.is_dir() else 'no file'} {source}")
    if source.stat().st_size == 0:
        raise ValueError(f"expected {expected}, got {source}, which is empty (0 bytes)")
    try:
        # Without `file:`, FFmpeg would take a name such as `10:30.mp4` for a URL.
        container = av.open(f"file:{source}", metadata_errors="ignore", options=_OPTIONS)
    except FFmpegError as error:
        given = f"{source}: {error.strerror or error}"
        raise ValueError(f"expected {expected} that can be read (MP4, MKV, WebM, AVI, WAV, …), got {given}") from error
    if container.format.name in _NO_MEDIA_FORMATS:
        container.close()
        raise ValueError(f"expected {expected}, got {source}, which holds no video stream and no audio")
    return container


def find_video_stream(container: InputContainer) -> VideoStream | None:
    """Return the first video stream that is not the cover image of an audio file."""
    return next((s for s in container.streams.video if not s.disposition & Disposition.attached_pic), None)


def decode_frames(container: InputContainer, stream: VideoStream | AudioStream, source: Path) -> Iterator[Any]:
    """Yield the frames of a stream, `av.VideoFrame` or `av.AudioFrame`.

    Broken packets are skipped and logged; too many of them raise `ValueError`.
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
                kind = "a video" if stream.type == "video" else "audio"
                raise ValueError(f"expected {kind} that can be decoded, got {source}: {error.strerror}") from error
            continue
        good += len(frames)
        yield from frames
    if broken and good:  # if no frame could be decoded, the caller raises an error
        logger.warning("%s is damaged: %d broken packets of its %s were skipped", source, broken, stream.type)
