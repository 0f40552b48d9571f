"""Video files as frames: any container and frame rate in, constant frame rate out (PyAV)."""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream
from jaxtyping import UInt8

from kp_io.video_writer import write_video

__all__ = ["VIDEO_SUFFIXES", "VideoInfo", "probe_video", "read_video", "write_video"]

logger = logging.getLogger(__name__)

#: File name endings that are taken for videos when a folder is searched; `read_video` itself looks at the content.
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".flv", ".wmv", ".ogv", ".3gp"}
)

#: Timestamps that jump further than this are broken; filling the gap would never end.
_MAX_GAP_SECONDS = 600

#: A file that ends this much before its stated duration is cut off.
_MISSING_SECONDS = 0.5

#: Broken packets after which a file counts as unreadable rather than damaged.
_MAX_BROKEN_PACKETS = 1000

#: What FFmpeg takes a text file for.
_NO_VIDEO_FORMATS = frozenset({"tty", "bin", "xbin", "adf", "idf"})


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video file says of itself.

    Attributes:
        width: Pixels, after rotation.
        height: Pixels, after rotation.
        fps: Average frames a second.
        duration_seconds: Length of the video stream as the file states it; None where it does not.
        start_seconds: Time of the first frame on the container's clock, on which audio is placed too.
        rotation: Degrees counter-clockwise by which the stored picture is turned for display: 0, 90, 180 or 270.
        has_audio: Whether there is an audio stream.
    """

    width: int
    height: int
    fps: float
    duration_seconds: float | None
    start_seconds: float
    rotation: int
    has_audio: bool

    def num_frames(self, fps: float) -> int | None:
        """Return about how many frames `read_video` yields at `fps`; None where the file states no duration."""
        return None if self.duration_seconds is None else max(1, round(self.duration_seconds * fps))


def probe_video(path: str | os.PathLike[str]) -> VideoInfo:
    """Return size, rate, duration and start of a video by decoding one frame.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no video that can be read.
    """
    source = Path(path)
    with _open_video(source) as container:
        stream = _video_stream(container)
        clock = _Clock(stream)
        first = next(_decoded(container, stream, source), None)
        if first is None:
            raise ValueError(f"expected a video with frames, got {source}, of which no frame can be decoded")
        duration = _stated_duration(stream)
        rotation = first.rotation % 360
        width, height = (first.height, first.width) if rotation % 180 else (first.width, first.height)
        return VideoInfo(
            width=width,
            height=height,
            fps=float(1 / clock.frame_seconds),
            duration_seconds=duration or (container.duration / av.time_base if container.duration else None),
            start_seconds=float(clock.time_of(first)),
            rotation=rotation,
            has_audio=bool(container.streams.audio),
        )


def read_video(path: str | os.PathLike[str], *, fps: float | None = 25.0) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Read a video frame by frame, at a constant frame rate.

    Output frame n is what the video shows at `(n + ½) / fps` seconds after its first frame, so frames are dropped or
    repeated one at a time, and neither 29.97 fps nor a variable rate drifts. There are exactly
    `round(duration * fps)` frames, at least one, where the duration goes from the start of the first frame to the end
    of the last. Rotation metadata is applied; frames of another size than the first are scaled to it. Only a few
    frames are in memory at a time. Of a truncated file the frames that can be decoded are read, with a logged warning.

    Args:
        path: A video in any container and codec that FFmpeg reads.
        fps: Frames a second of the result; None for the frames as stored.

    Yields:
        `(H, W, 3)` uint8 RGB. Repeated frames may be the same array: copy before drawing into one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: `fps` is not positive, or the file is no video that can be read.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_video(Path(folder, "grey.mp4"), [np.full((64, 96, 3), 128, np.uint8)] * 60, fps=30.0)
        ...     frames = list(read_video(Path(folder, "grey.mp4")))
        >>> len(frames), frames[0].shape
        (50, (64, 96, 3))
    """
    if fps is not None and not 0 < fps < float("inf"):
        raise ValueError(f"expected a positive number of frames a second or None, got {fps=}")
    source = Path(path)
    container = _open_video(source)
    return _read(container, source, None if fps is None else Fraction(fps).limit_denominator(1_000_000))


def _read(container: InputContainer, source: Path, fps: Fraction | None) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    with container:
        stream = _video_stream(container)
        clock = _Clock(stream)
        start: Fraction | None = None
        end = Fraction(0)
        shown: _Rgb | None = None
        count = 0
        for frame in _decoded(container, stream, source):
            time = clock.time_of(frame)
            if time - end > _MAX_GAP_SECONDS and shown is not None:
                raise ValueError(
                    f"expected frames without long gaps in {source}, got a jump of {float(time - end):.0f} s; "
                    "remux the file to repair them"
                )
            start = time if start is None else start
            if shown is not None and fps is None:
                yield shown.pixels()
            while shown is not None and fps is not None and (count + Fraction(1, 2)) / fps < time - start:
                yield shown.pixels()
                count += 1
            shown = _Rgb(frame, like=shown)
            end = time + clock.duration_of(frame)
        if shown is None or start is None:
            raise ValueError(f"expected a video with frames, got {source}, of which no frame can be decoded")
        stated = _stated_duration(stream) or 0.0
        if stated - float(end - start) > _MISSING_SECONDS:
            logger.warning("%s is cut off: %.2f s of %.2f s can be read", source, float(end - start), stated)
        total = 1 if fps is None else max(1, round((end - start) * fps))
        for _ in range(count if fps is not None else 0, total):
            yield shown.pixels()


class _Clock:
    """Gives every decoded frame a time and a duration, also where the container gives none."""

    def __init__(self, stream: VideoStream) -> None:
        rate = stream.average_rate or stream.guessed_rate or stream.base_rate
        self.frame_seconds = 1 / Fraction(rate) if rate else Fraction(1, 25)
        self._last: Fraction | None = None

    def time_of(self, frame: av.VideoFrame) -> Fraction:
        """Return the time of the next frame: its timestamp, or one frame after the last where that is missing."""
        time = None if frame.pts is None else frame.pts * (frame.time_base or Fraction(1))
        if self._last is not None and (time is None or time <= self._last):
            time = self._last + self.frame_seconds
        self._last = Fraction(0) if time is None else time
        return self._last

    def duration_of(self, frame: av.VideoFrame) -> Fraction:
        duration = frame.duration * (frame.time_base or Fraction(1)) if frame.duration else Fraction(0)
        return duration if 0 < duration <= _MAX_GAP_SECONDS else self.frame_seconds


class _Rgb:
    """A decoded frame that is converted to pixels when, and only if, it is shown."""

    def __init__(self, frame: av.VideoFrame, *, like: "_Rgb | None") -> None:
        self._frame = frame
        self._size: tuple[int, int] = (frame.width, frame.height) if like is None else like._size
        self._pixels: UInt8[np.ndarray, "h w 3"] | None = None

    def pixels(self) -> UInt8[np.ndarray, "h w 3"]:
        if self._pixels is None:
            width, height = self._size
            stored = self._frame.to_ndarray(format="rgb24", width=width, height=height)
            turned = np.rot90(stored, k=round(self._frame.rotation / 90) % 4)
            self._pixels = np.ascontiguousarray(turned, dtype=np.uint8)
        return self._pixels


def _open_video(source: Path) -> InputContainer:
    if not source.is_file():
        raise FileNotFoundError(f"expected a video, found no file {source}")
    if source.stat().st_size == 0:
        raise ValueError(f"expected a video, got {source}, which is empty (0 bytes)")
    try:
        container = av.open(str(source), metadata_errors="ignore")
    except FFmpegError as error:
        raise ValueError(
            f"expected a video that can be read (MP4, MOV, MKV, WebM, AVI, …), got {source}: {error.strerror or error}"
        ) from error
    if container.format.name in _NO_VIDEO_FORMATS or _video_stream_or_none(container) is None:
        container.close()
        raise ValueError(f"expected a video, got {source}, which holds no video stream")
    return container


def _video_stream_or_none(container: InputContainer) -> VideoStream | None:
    """Return the first stream of moving pictures: the cover of an audio file is none."""
    return next((s for s in container.streams.video if not s.disposition & Disposition.attached_pic), None)


def _video_stream(container: InputContainer) -> VideoStream:
    stream = _video_stream_or_none(container)
    assert stream is not None, "_open_video has checked it"
    stream.thread_type = "AUTO"
    return stream


def _stated_duration(stream: VideoStream) -> float | None:
    """Return the stream's own duration in seconds: the container's includes sound that goes on after the picture."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    hours, minutes, seconds = [*stream.metadata.get("DURATION", "").split(":"), "", ""][:3]  # Matroska has it as text
    try:
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return None


def _decoded(container: InputContainer, stream: VideoStream, source: Path) -> Iterator[av.VideoFrame]:
    """Yield the frames that can be decoded; broken packets are skipped and reported."""
    broken = 0
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
                raise ValueError(f"expected a video that can be decoded, got {source}: {error.strerror}") from error
            continue
        yield from frames
    if broken:
        logger.warning("%s is damaged: %d broken packets were skipped", source, broken)
