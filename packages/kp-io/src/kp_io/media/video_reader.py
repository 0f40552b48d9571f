"""Read video files in any container as frames at a constant frame rate (PyAV)."""

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

from kp_io.media.container import decode_frames, find_video_stream, open_media
from kp_io.media.timing.closed_gaps import MAX_JUMP_SECONDS
from kp_io.media.timing.video_clock import VideoClock
from kp_io.media.video_frame import FramePixels, deinterlace, display_size, orientation
from kp_io.parallel.threads import max_threads

logger = logging.getLogger(__name__)

#: Suffixes that are taken for videos without a look at the content when a folder is searched.
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".qt", ".f4v", ".3gp", ".3g2", ".mkv", ".webm", ".avi", ".divx", ".dv", ".flv", ".mxf"}
    | {".mpg", ".mpeg", ".m2v", ".vob", ".ts", ".m2t", ".m2ts", ".mts", ".wmv", ".asf", ".ogv"}
)

#: A file that ends this much before its stated duration is truncated.
_MISSING_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """Metadata of a video file.

    Attributes:
        width: In square pixels, after rotation.
        height: Likewise.
        fps: Average frames per second.
        duration_seconds: Stated duration of the video stream; None if the file has none.
        start_seconds: Time of the first frame on the container's clock, which audio uses too.
        rotation: Counter-clockwise rotation of the stored frames for display, degrees: 0, 90, 180 or 270.
        has_audio: Whether there is an audio stream.
        mirrored: Whether the stored frames are mirrored left to right for display, before the rotation.
    """

    width: int
    height: int
    fps: float
    duration_seconds: float | None
    start_seconds: float
    rotation: int
    has_audio: bool
    mirrored: bool = False

    def num_frames(self, fps: float) -> int | None:
        """Return the approximate number of frames of `read_video` at `fps`; None without a stated duration."""
        return None if self.duration_seconds is None else max(1, round(self.duration_seconds * fps))


def probe_video(path: str | os.PathLike[str]) -> VideoInfo:
    """Return the metadata of a video; one frame is decoded.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file is not a readable video.
    """
    source = Path(path)
    container, stream = _open_video(source)
    with container:
        clock = VideoClock(stream, source)
        first = next(decode_frames(container, stream, source), None)
        if first is None:
            raise ValueError(f"expected a video with frames, got {source}, of which no frame can be decoded")
        duration = _stated_duration(stream)
        rotation, mirrored = orientation(first)
        width, height = display_size(stream, first)[:: -1 if rotation % 180 else 1]
        return VideoInfo(
            width=width,
            height=height,
            fps=float(1 / clock.frame_seconds),
            duration_seconds=duration or (container.duration / av.time_base if container.duration else None),
            start_seconds=float(clock.time_of(first)),
            rotation=rotation,
            has_audio=bool(container.streams.audio),
            mirrored=mirrored,
        )


def read_video(path: str | os.PathLike[str], *, fps: float | None = 25.0) -> Iterator[UInt8[np.ndarray, "_ _ 3"]]:
    """Read a video frame by frame, at a constant frame rate.

    Output frame n is the frame shown at `(n + ½) / fps` seconds after the first one: frames are dropped or repeated
    one at a time, and neither 29.97 fps nor a variable rate drifts. There are exactly `round(duration * fps)` frames,
    at least one, where the duration is from the start of the first frame to the end of the last. Frames look as in a
    video player: rotation and mirror metadata is applied, pixels are made square, interlaced frames are deinterlaced,
    transparent ones are composited on white, HDR (PQ) is mapped to standard range, and frames of another size are
    scaled to the first. Only a few frames are in memory at a time. Of a truncated file, the decodable frames are read
    and a warning is logged. A jump of the timestamps of 30 to 600 s in which the file has neither picture nor sound is
    closed, and a warning is logged; a longer one is an error. Only the first video stream is read.

    Args:
        path: A video in any container and codec that FFmpeg reads.
        fps: Frames per second of the result; None for the frames as stored.

    Yields:
        `(H, W, 3)` uint8 RGB. Repeated frames may be the same array: copy before drawing on one.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: `fps` is not positive, or the file is not a readable video.

    Example:
        >>> import tempfile
        >>> from kp_io import write_video
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_video(Path(folder, "grey.mp4"), [np.full((64, 96, 3), 128, np.uint8)] * 60, fps=30.0)
        ...     frames = list(read_video(Path(folder, "grey.mp4")))
        >>> len(frames), frames[0].shape
        (50, (64, 96, 3))
    """
    if fps is not None and not 0 < fps < float("inf"):
        raise ValueError(f"expected a positive number of frames per second or None, got {fps=}")
    source = Path(path)
    return _read(*_open_video(source), source, None if fps is None else Fraction(fps).limit_denominator(1_000_000))


def _read(
    container: InputContainer, stream: VideoStream, source: Path, fps: Fraction | None
) -> Iterator[UInt8[np.ndarray, "_ _ 3"]]:
    with container:
        clock = VideoClock(stream, source)
        start: Fraction | None = None
        end = Fraction(0)
        size: tuple[int, int] | None = None
        shown: FramePixels | None = None
        count = 0
        for frame in deinterlace(decode_frames(container, stream, source)):
            time = clock.time_of(frame)
            if time - end > MAX_JUMP_SECONDS and shown is not None:
                jump = f"a jump of {float(time - end):.0f} s; remux the file to repair them"
                raise ValueError(f"expected frames without long gaps in {source}, got {jump}")
            start = time if start is None else start
            if shown is not None and fps is None:
                yield shown.pixels
            while shown is not None and fps is not None and (count + Fraction(1, 2)) / fps < time - start:
                yield shown.pixels
                count += 1
            size = size or display_size(stream, frame)
            shown = FramePixels(frame, size=size)
            end = time + clock.duration_of(frame)
        if shown is None or start is None:
            raise ValueError(f"expected a video with frames, got {source}, of which no frame can be decoded")
        stated = (_stated_duration(stream) or 0.0) - float(clock.gaps.closed_seconds)
        if stated - float(end - start) > _MISSING_SECONDS:
            logger.warning("%s is cut off: %.2f s of %.2f s can be read", source, float(end - start), stated)
        total = 1 if fps is None else max(1, round((end - start) * fps))
        for _ in range(count if fps is not None else 0, total):
            yield shown.pixels


def _open_video(source: Path) -> tuple[InputContainer, VideoStream]:
    container = open_media(source, expected="a video")
    stream = find_video_stream(container)
    if stream is None:
        container.close()
        raise ValueError(f"expected a video, got {source}, which holds no video stream")
    stream.thread_type, stream.codec_context.thread_count = "AUTO", max_threads()
    return container, stream


def _stated_duration(stream: VideoStream) -> float | None:
    """Return the duration of the stream in seconds; that of the container includes audio after the last frame."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    try:
        hours, minutes, seconds = stream.metadata.get("DURATION", "").split(":")[:3]  # Matroska stores it as text
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return None
