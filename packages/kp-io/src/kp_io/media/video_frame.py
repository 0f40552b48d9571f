"""Deinterlace decoded frames, and convert them to upright RGB with square pixels (PyAV)."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache, cached_property
from typing import Any

import av
import numpy as np
from av.error import BlockingIOError, EOFError
from av.filter import Graph
from av.video.reformatter import ColorTrc
from av.video.stream import VideoStream
from jaxtyping import UInt8

from kp_io.parallel.threads import max_threads

#: A larger pixel aspect ratio is an error in the header, not the format of a camera.
_MAX_PIXEL_ASPECT = 4

_WHITE = 255


def deinterlace(frames: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Yield the same number of frames at the same times, with frames flagged as interlaced deinterlaced.

    The even and odd lines of an interlaced frame are two fields, taken at different times. The first field is kept and
    its missing lines are interpolated. If no frame is flagged, all are passed through unchanged.
    """
    deinterlacer: _Deinterlacer | None = None
    for frame in frames:
        if deinterlacer is not None and not deinterlacer.fits(frame):
            yield from deinterlacer.push(None)
            deinterlacer = None
        if deinterlacer is None and not frame.interlaced_frame:
            yield frame
            continue
        # From the first interlaced frame on, all pass through the filter, which leaves progressive ones unchanged.
        deinterlacer = deinterlacer or _Deinterlacer(frame)
        yield from deinterlacer.push(frame)
    if deinterlacer is not None:
        yield from deinterlacer.push(None)


class _Deinterlacer:
    """Filter for frames of one size and format; it returns a frame after it has got the next one."""

    def __init__(self, frame: av.VideoFrame) -> None:
        self._format = _format(frame)
        self._graph = Graph()
        self._graph.threads = max_threads()
        source = self._graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        bwdif = self._graph.add("bwdif", "mode=send_frame:deint=interlaced")
        sink = self._graph.add("buffersink")
        source.link_to(bwdif)
        bwdif.link_to(sink)
        self._graph.configure()

    def fits(self, frame: av.VideoFrame) -> bool:
        return _format(frame) == self._format

    def push(self, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """Add a frame, or None at the end, and yield the frames that are ready."""
        self._graph.vpush(frame)
        while True:
            try:
                yield self._graph.vpull()
            except (BlockingIOError, EOFError):
                return


def _format(frame: av.VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name


def display_size(stream: VideoStream, frame: av.VideoFrame) -> tuple[int, int]:
    """Return width and height in square pixels, before rotation; pixels are only stretched, to keep all detail."""
    aspect = stream.sample_aspect_ratio
    if not aspect or not Fraction(1, _MAX_PIXEL_ASPECT) <= aspect <= _MAX_PIXEL_ASPECT:
        return frame.width, frame.height
    return (round(frame.width * aspect), frame.height) if aspect >= 1 else (frame.width, round(frame.height / aspect))


def orientation(frame: av.VideoFrame) -> tuple[int, bool]:
    """Return how a frame is displayed: degrees counter-clockwise, after a mirror left to right or not."""
    rotation = round(frame.rotation / 90) * 90 % 360
    side_data: Any = frame.side_data.get("DISPLAYMATRIX")
    if side_data is None or len(bytes(side_data)) < 36:
        return rotation, False
    # A stored point (x, y) is displayed at (x a + y c, x b + y d), with y down.
    a, b, _, c, d = np.frombuffer(bytes(side_data), np.int32)[:5].astype(np.float64)
    if a * d - b * c >= 0:
        return rotation, False
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return (0 if a < 0 else 180), True
    return (90 if b > 0 else 270), True


class FramePixels:
    """Pixels of a decoded frame, converted on first use and scaled to `size`, width and height before rotation."""

    def __init__(self, frame: av.VideoFrame, *, size: tuple[int, int]) -> None:
        self._frame = frame
        self._size = size

    @cached_property
    def pixels(self) -> UInt8[np.ndarray, "h w 3"]:
        """The pixels, always the same array."""
        rotation, mirrored = orientation(self._frame)
        stored = self._converted()
        rotated = np.rot90(stored[:, ::-1] if mirrored else stored, k=rotation // 90)
        return np.ascontiguousarray(rotated, dtype=np.uint8)

    def _converted(self) -> UInt8[np.ndarray, "h w 3"]:
        width, height = self._size
        if self._frame.color_trc == ColorTrc.SMPTE2084:
            # 16 bits, because one 8-bit step would become several in dark regions.
            wide = self._frame.to_ndarray(format="rgb48le", width=width, height=height, threads=max_threads())
            return _pq_to_sdr()[wide]
        if not any(component.is_alpha for component in self._frame.format.components):
            return self._frame.to_ndarray(format="rgb24", width=width, height=height, threads=max_threads())
        # The colour of transparent pixels is arbitrary: composite on white, as for images.
        rgba = self._frame.to_ndarray(format="rgba", width=width, height=height, threads=max_threads())
        colour, alpha = rgba[..., :3].astype(np.uint16), rgba[..., 3:].astype(np.uint16)
        return ((colour * alpha + _WHITE * (_WHITE - alpha) + _WHITE // 2) // _WHITE).astype(np.uint8)


@cache
def _pq_to_sdr() -> UInt8[np.ndarray, " 65536"]:
    """Return the lookup table from PQ (SMPTE ST 2084, HDR10) to standard dynamic range.

    Reference white, 203 cd/m² in ITU-R BT.2408, becomes 255; brighter values are clipped, which faces rarely reach.
    """
    root = (np.arange(65536) / 65535) ** (32 / 2523)
    light = 10_000 * (np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)) ** (8192 / 1305)
    return (255 * np.minimum(light / 203, 1) ** (1 / 2.4)).round().astype(np.uint8)
