"""Deinterlace video frames (PyAV, FFmpeg's filter `bwdif`)."""

from collections.abc import Iterable, Iterator

import av
from av.error import BlockingIOError, EOFError
from av.filter import Graph


def deinterlace(frames: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Yield the same number of frames at the same times, with frames flagged as interlaced deinterlaced.

    The even and odd lines of an interlaced frame are two fields, taken at different times. The first field is kept and
    its missing lines are interpolated. If no frame is flagged, all are passed through unchanged.
    """
    bwdif: _Deinterlacer | None = None
    for frame in frames:
        if bwdif is not None and not bwdif.fits(frame):
            yield from bwdif.push(None)
            bwdif = None
        if bwdif is None and not frame.interlaced_frame:
            yield frame
            continue
        # From the first interlaced frame on, all pass through the filter, which leaves progressive ones unchanged.
        bwdif = bwdif or _Deinterlacer(frame)
        yield from bwdif.push(frame)
    if bwdif is not None:
        yield from bwdif.push(None)


class _Deinterlacer:
    """Filter for frames of one size and format; it returns a frame after it has got the next one."""

    def __init__(self, frame: av.VideoFrame) -> None:
        self._format = _format(frame)
        self._graph = Graph()
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
