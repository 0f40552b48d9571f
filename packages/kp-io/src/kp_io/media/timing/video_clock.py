"""Times and durations of decoded video frames (PyAV)."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
from av.video.stream import VideoStream

from kp_io.media.timing.closed_gaps import MAX_JUMP_SECONDS, ClosedGaps

#: Containers that store the order of decoding only: FFmpeg guesses the times of display, and wrongly.
_WITHOUT_PTS = frozenset({"avi"})

#: Entries of the index of such a container that are read, and the longest delay of its first frame, in frames.
_INDEX_ENTRIES, _MAX_DELAY = 500, 5


class VideoClock:
    """Times and durations of decoded frames, including those without a timestamp."""

    def __init__(self, stream: VideoStream, source: Path) -> None:
        rate = stream.average_rate or stream.guessed_rate or stream.base_rate
        self.frame_seconds = 1 / Fraction(rate) if rate else Fraction(1, 25)
        self.gaps = ClosedGaps(source)
        self._has_pts = stream.container.format.name not in _WITHOUT_PTS
        self._first_late: tuple[int, int] | None = None
        if not self._has_pts:
            self._read_index(stream)
        self._last: Fraction | None = None
        self._last_stamp = Fraction(0)

    def time_of(self, frame: av.VideoFrame) -> Fraction:
        """Return the time of the next frame, or one frame after the last if it is missing or does not increase.

        Jumps of the timestamps that no gap makes are closed.
        """
        stamp = frame.pts if self._has_pts else frame.dts
        if self._first_late is not None and stamp == self._first_late[0]:
            stamp = self._first_late[1]
        time = None if stamp is None else stamp * (frame.time_base or Fraction(1))
        if time is not None:
            jump = time - self._last_stamp if self._last is not None else Fraction(0)
            self._last_stamp = time
            time = self.gaps.close(time, jump=jump)
        if self._last is not None and (time is None or time <= self._last):
            time = self._last + self.frame_seconds
        self._last = Fraction(0) if time is None else time
        return self._last

    def duration_of(self, frame: av.VideoFrame) -> Fraction:
        """Return the stated duration of a frame, or that of the frame rate."""
        known = self._has_pts and frame.duration
        duration = frame.duration * (frame.time_base or Fraction(1)) if known else Fraction(0)
        return duration if 0 < duration <= MAX_JUMP_SECONDS else self.frame_seconds

    def _read_index(self, stream: VideoStream) -> None:
        """Learn how far apart frames are, and where the first one belongs.

        A copied stream may be stored at a multiple of its rate, with empty packets between frames, and with the first
        frame too early by the delay of B-frames.
        """
        entries = stream.index_entries
        stamps = [entries[n].timestamp for n in range(min(len(entries), _INDEX_ENTRIES)) if entries[n].size > 0]
        steps = sorted(after - before for before, after in pairwise(stamps))
        if not steps or not stream.time_base or steps[len(steps) // 2] < 1:
            return
        step = steps[len(steps) // 2]
        self.frame_seconds = step * Fraction(stream.time_base)
        if step < stamps[1] - stamps[0] <= _MAX_DELAY * step:
            self._first_late = stamps[0], stamps[1] - step
