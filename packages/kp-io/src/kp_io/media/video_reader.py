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
from av.video.stream import VideoStream
from jaxtyping import UInt8

from kp_io.media.container import decoded, moving_pictures, open_media
from kp_io.media.deinterlace import deinterlaced
from kp_io.media.video_frame import FramePixels, display_size

logger = logging.getLogger(__name__)

#: File name endings that are taken for videos when a folder is searched; `read_video` itself looks at the content.
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".flv", ".wmv", ".ogv", ".3gp"}
)

#: Timestamps that jump further than this are broken; filling the gap would never end.
_MAX_GAP_SECONDS = 600

#: A file that ends this much before its stated duration is cut off.
_MISSING_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video file says of itself.

    Attributes:
        width: Pixels, after rotation, square.
        height: Pixels, after rotation, square.
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
        first = next(decoded(container, stream, source), None)
        if first is None:
            raise ValueError(f"expected a video with frames, got {source}, of which no frame can be decoded")
        duration = _stated_duration(stream)
        rotation = first.rotation % 360
        width, height = display_size(stream, first)[:: -1 if rotation % 180 else 1]
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
    of the last. Frames are shown as players show them: rotation metadata is applied, pixels that are not square are
    stretched until they are, interlaced frames lose their combs, transparency is laid on white, HDR (PQ) gets the
    brightness of ordinary video; frames of another size than the first are scaled to it. Only a few frames are in
    memory at a time. Of a truncated file the frames that can be decoded are read, with a logged warning. Of several
    video streams the first is read.

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
        size: tuple[int, int] | None = None
        shown: FramePixels | None = None
        count = 0
        for frame in deinterlaced(decoded(container, stream, source)):
            time = clock.time_of(frame)
            if time - end > _MAX_GAP_SECONDS and shown is not None:
                raise ValueError(
                    f"expected frames without long gaps in {source}, got a jump of {float(time - end):.0f} s; "
                    "remux the file to repair them"
                )
            start = time if start is None else start
            if shown is not None and fps is None:
                yield shown()
            while shown is not None and fps is not None and (count + Fraction(1, 2)) / fps < time - start:
                yield shown()
                count += 1
            size = size or display_size(stream, frame)
            shown = FramePixels(frame, size=size)
            end = time + clock.duration_of(frame)
        if shown is None or start is None:
            raise ValueError(f"expected a video with frames, got {source}, of which no frame can be decoded")
        stated = _stated_duration(stream) or 0.0
        if stated - float(end - start) > _MISSING_SECONDS:
            logger.warning("%s is cut off: %.2f s of %.2f s can be read", source, float(end - start), stated)
        total = 1 if fps is None else max(1, round((end - start) * fps))
        for _ in range(count if fps is not None else 0, total):
            yield shown()


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


def _open_video(source: Path) -> InputContainer:
    container = open_media(source, expected="a video")
    if moving_pictures(container) is None:
        container.close()
        raise ValueError(f"expected a video, got {source}, which holds no video stream")
    return container


def _video_stream(container: InputContainer) -> VideoStream:
    stream = moving_pictures(container)
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
