"""Times and durations of decoded video frames (PyAV)."""

from fractions import Fraction
from pathlib import Path

import av
from av.video.stream import VideoStream

from kp_io.media.timing.closed_gaps import MAX_JUMP_SECONDS, ClosedGaps

#: Containers that store the order of decoding only: FFmpeg guesses the times of display, and wrongly.
_WITHOUT_PTS = frozenset({"avi"})


class VideoClock:
    """Times and durations of decoded frames, including those without a timestamp."""

    def __init__(self, stream: VideoStream, source: Path) -> None:
        rate = stream.average_rate or stream.guessed_rate or stream.base_rate
        self.frame_seconds = 1 / Fraction(rate) if rate else Fraction(1, 25)
        self.gaps = ClosedGaps(source)
        self._has_pts = stream.container.format.name not in _WITHOUT_PTS
        self._last: Fraction | None = None
        self._last_stamp = Fraction(0)

    def time_of(self, frame: av.VideoFrame) -> Fraction:
        """Return the time of the next frame, or one frame after the last if it is missing or does not increase.

        Jumps of the timestamps that no gap makes are closed.
        """
        stamp = frame.pts if self._has_pts else frame.dts
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
        duration = frame.duration * (frame.time_base or Fraction(1)) if frame.duration else Fraction(0)
        return duration if 0 < duration <= MAX_JUMP_SECONDS else self.frame_seconds
