"""Interlaced frames made whole (PyAV, FFmpeg's filter `bwdif`)."""

from collections.abc import Iterable, Iterator

import av
from av.error import BlockingIOError, EOFError
from av.filter import Graph


def deinterlaced(frames: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Yield as many frames as come, at their times; those flagged as interlaced without their combs.

    An interlaced frame holds two moments, one in its even and one in its odd lines, and moving edges look like combs.
    Of both, the first is kept and its missing lines are filled in. Where no frame is flagged, nothing is touched.
    """
    repair: _Repair | None = None
    for frame in frames:
        if repair is not None and not repair.fits(frame):
            yield from repair.push(None)
            repair = None
        if repair is None and not frame.interlaced_frame:
            yield frame
            continue
        # From the first interlaced frame on all pass through the filter, which lets the whole ones be.
        repair = repair or _Repair(frame)
        yield from repair.push(frame)
    if repair is not None:
        yield from repair.push(None)


class _Repair:
    """The filter for frames of one size and format; it gives a frame back when it has seen the next one."""

    def __init__(self, frame: av.VideoFrame) -> None:
        self._kind = _kind(frame)
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
        return _kind(frame) == self._kind

    def push(self, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """Give it a frame, or None at the end, and yield what is ready."""
        self._graph.vpush(frame)
        while True:
            try:
                yield self._graph.vpull()
            except (BlockingIOError, EOFError):
                return


def _kind(frame: av.VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name
