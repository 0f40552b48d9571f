"""A video whose sound comes earlier or later: packets with other time stamps, nothing encoded anew (PyAV)."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from kp_io.filesystem.atomic import atomic_path, write_error
from kp_io.media.container import moving_pictures, open_media

#: Containers that keep the time at which a stream begins.
_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm")


def shift_audio(source: str | os.PathLike[str], target: str | os.PathLike[str], *, milliseconds: float) -> None:
    """Write a copy of a video whose sound comes later; whole or not at all.

    The first moving pictures and the first sound are copied packet by packet, bit for bit. Sound that would come to lie
    before the first frame is left out; no silence is added where the sound then ends earlier than the picture.

    Args:
        source: The video, with sound.
        target: Another file: `.mp4`, `.m4v`, `.mov`, `.mkv` or `.webm`, whatever the source is. A missing folder is
            made.
        milliseconds: How much later; negative for earlier.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: `target` is the source or has another suffix, the source has no moving pictures or no sound, none of
            the sound is left, or the container cannot hold what the source is made of.
        OSError: The folder cannot be written.
    """
    origin, copy = Path(source), Path(target)
    if copy.suffix.lower() not in _SUFFIXES:
        raise ValueError(f"expected a file name ending in {', '.join(_SUFFIXES)}, got {copy}")
    if copy.exists() and origin.exists() and copy.samefile(origin):
        raise ValueError(f"expected another file than the video itself to write, got {copy}")
    with open_media(origin, expected="a video") as container:
        video = moving_pictures(container)
        if video is None or not container.streams.audio:
            raise ValueError(f"expected a video with sound, found no {'sound' if video else 'picture'} in {origin}")
        options = {"movflags": "+faststart"} if copy.suffix.lower() in (".mp4", ".m4v", ".mov") else {}
        with atomic_path(copy) as temporary:
            try:
                with av.open(str(temporary), "w", options=options) as output:
                    kept = _copy(container, video, container.streams.audio[0], output, milliseconds / 1000)
            except OSError as error:
                raise write_error(copy, error) from error
            except (FFmpegError, ValueError) as error:
                raise ValueError(
                    f"expected pictures and sound that {copy.suffix} can hold, got {video.codec_context.name} and "
                    f"{container.streams.audio[0].codec_context.name} in {origin}: {error}; write an .mkv"
                ) from error
            if not kept:
                raise ValueError(f"expected a move that leaves some of the sound of {origin}, got {milliseconds:g} ms")


def _copy(
    container: InputContainer, video: VideoStream, audio: AudioStream, output: OutputContainer, seconds: float
) -> int:
    """Copy the packets, those of the sound so much later; return how many of the sound are left."""
    homes = {stream.index: output.add_stream_from_template(stream) for stream in (video, audio)}
    assert audio.time_base is not None, "an opened stream has a time base"
    begin = (video.start_time or 0) * float(video.time_base or 0)
    late = round(seconds / audio.time_base)
    kept = 0
    for packet in _timed(container.demux(video, audio)):
        assert packet.dts is not None, "packets have been given their times"
        if packet.stream_index == audio.index:
            time = packet.pts if packet.pts is not None else packet.dts
            if late < 0 and (time + late) * float(audio.time_base) < begin:
                continue
            packet.pts, packet.dts = time + late, packet.dts + late
            kept += 1
        packet.stream = homes[packet.stream_index]
        output.mux(packet)
    return kept


def _timed(packets: Iterable[Any]) -> Iterator[Any]:
    """Yield packets with a decoding time: Matroska has none for the first pictures where some are out of order.

    They come in and go out as `av.Packet`, a type that takes its argument in stubs only.
    """
    waiting: dict[int, list[Any]] = {}
    for packet in packets:
        if packet.size == 0:  # the mark of a stream's end
            continue
        held = waiting.setdefault(packet.stream_index, [])
        if packet.dts is None:
            held.append(packet)
            continue
        for number, early in enumerate(held):
            early.dts = packet.dts - (len(held) - number) * max(1, early.duration or 0)
        yield from (*held, packet)
        held.clear()
    for stream in waiting.values():  # none of a stream's packets had any: they are in the order of their display
        for packet in stream:
            if packet.pts is not None:
                packet.dts = packet.pts
                yield packet
