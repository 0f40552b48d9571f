"""Find jumps of timestamps that are not real gaps, and close them (PyAV)."""

import logging
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.error import FFmpegError

from kp_io.media.container import find_video_stream, open_media

logger = logging.getLogger(__name__)

#: A longer time in which a file has neither picture nor sound is a jump of timestamps, as where streams were joined.
MAX_REAL_GAP_SECONDS = 30

#: A longer jump is an error: nothing says what belongs between.
MAX_JUMP_SECONDS = 600


class ClosedGaps:
    """Jumps of timestamps that both streams of a file share; the file is searched when the first jump is met."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._gaps: list[tuple[Fraction, Fraction]] | None = None

    def close(self, time: Fraction, *, jump: Fraction | float) -> Fraction:
        """Return a time without the jumps before it; `jump` is how far it is after the last one, in seconds."""
        if self._gaps is None:
            if jump <= MAX_REAL_GAP_SECONDS:
                return time
            self._gaps = _find_gaps(self._source)
            for begin, end in self._gaps:
                logger.warning(
                    "%s has neither picture nor sound from %.2f to %.2f s: this jump of its timestamps was closed",
                    self._source,
                    float(begin),
                    float(end),
                )
        return time - sum((end - begin for begin, end in self._gaps if time >= end), Fraction(0))

    @property
    def closed_seconds(self) -> Fraction:
        """The sum of the jumps that were closed."""
        return sum((end - begin for begin, end in self._gaps or ()), Fraction(0))


def time_of_packet(packet: Any, *, has_pts: bool = True) -> Fraction | None:
    """Return when a packet is shown, in seconds; None if it does not say."""
    stamp = packet.pts if has_pts and packet.pts is not None else packet.dts
    return None if stamp is None else stamp * Fraction(packet.time_base)


def _find_gaps(source: Path) -> list[tuple[Fraction, Fraction]]:
    """Return begin and end of the times without a packet that are too long for a gap and short enough to be closed."""
    spans: list[list[Fraction]] = []  # covered times; a span grows while packets are near it
    with open_media(source, expected="an audio or video file") as container:
        streams = [stream for stream in (find_video_stream(container), *container.streams.audio[:1]) if stream]
        has_pts = container.format.name != "avi"
        packets = container.demux(*streams)
        while True:
            try:
                packet = next(packets, None)
            except FFmpegError:
                continue
            if packet is None:
                break
            begin = time_of_packet(packet, has_pts=has_pts) if packet.size else None
            if begin is None:
                continue
            end = begin + (packet.duration or 0) * Fraction(packet.time_base or 1)
            for span in reversed(spans):
                if span[0] - MAX_REAL_GAP_SECONDS <= begin <= span[1] + MAX_REAL_GAP_SECONDS:
                    span[0], span[1] = min(span[0], begin), max(span[1], end)
                    break
            else:
                spans.append([begin, end])
    spans.sort()
    gaps = []
    covered = spans[0][1] if spans else Fraction(0)
    for begin, end in spans[1:]:
        if MAX_REAL_GAP_SECONDS < begin - covered <= MAX_JUMP_SECONDS:
            gaps.append((covered, begin))
        covered = max(covered, end)
    return gaps
