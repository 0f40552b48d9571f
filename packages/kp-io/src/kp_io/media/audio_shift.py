"""Shift the audio of a video by changing packet timestamps, without re-encoding (PyAV)."""

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from kp_io.filesystem.atomic import atomic_path, write_error
from kp_io.media.container import find_video_stream, open_media
from kp_io.media.video_writer import VIDEO_SUFFIXES

#: Containers that store the start time of a stream.
_SUFFIXES = (*VIDEO_SUFFIXES, ".webm")


def shift_audio(source: str | os.PathLike[str], target: str | os.PathLike[str], *, milliseconds: float) -> None:
    """Write a copy of a video with delayed audio, atomically.

    The packets of the first video and audio stream are copied bit for bit. Audio before the first frame is dropped; no
    silence is added if the audio then ends before the video.

    Args:
        source: The video, with audio.
        target: Another file: `.mp4`, `.m4v`, `.mov`, `.mkv` or `.webm`. A missing folder is created.
        milliseconds: Delay of the audio; negative for earlier.

    Raises:
        FileNotFoundError: The source does not exist.
        ValueError: `target` is the source or has another suffix, the source has no video or no audio stream, no audio
            is left, or the container cannot hold the codecs of the source.
        OSError: The folder cannot be written.
    """
    source, target = Path(source), Path(target)
    if target.suffix.lower() not in _SUFFIXES:
        raise ValueError(f"expected a file name ending in {', '.join(_SUFFIXES)}, got {target}")
    if target.exists() and source.exists() and target.samefile(source):
        raise ValueError(f"expected another file than the video itself to write, got {target}")
    with open_media(source, expected="a video") as container:
        video = find_video_stream(container)
        if video is None or not container.streams.audio:
            raise ValueError(f"expected a video with audio, found no {'audio' if video else 'video'} in {source}")
        options = {"movflags": "+faststart"} if target.suffix.lower() in (".mp4", ".m4v", ".mov") else {}
        with atomic_path(target) as temporary:
            try:
                with av.open(str(temporary), "w", options=options) as output:
                    kept = _copy(container, video, container.streams.audio[0], output, milliseconds / 1000)
            except OSError as error:
                raise write_error(target, error) from error
            except (FFmpegError, ValueError) as error:
                names = f"{video.codec_context.name} and {container.streams.audio[0].codec_context.name}"
                raise ValueError(
                    f"expected codecs that {target.suffix} can hold, got {names} in {source}: {error}; write an .mkv"
                ) from error
            if not kept:
                raise ValueError(f"expected a shift that keeps some of the audio of {source}, got {milliseconds:g} ms")


def _copy(
    container: InputContainer, video: VideoStream, audio: AudioStream, output: OutputContainer, seconds: float
) -> int:
    """Copy the packets, with the audio delayed, and return the number of audio packets."""
    outputs = {stream.index: output.add_stream_from_template(stream) for stream in (video, audio)}
    assert audio.time_base is not None, "an opened stream has a time base"
    start = (video.start_time or 0) * float(video.time_base or 0)
    delay = round(seconds / audio.time_base)
    kept = 0
    for packet in _with_decode_times(container.demux(video, audio)):
        assert packet.dts is not None, "_with_decode_times has set it"
        if packet.stream_index == audio.index:
            time = packet.pts if packet.pts is not None else packet.dts
            if delay < 0 and (time + delay) * float(audio.time_base) < start:
                continue
            packet.pts, packet.dts = time + delay, packet.dts + delay
            kept += 1
        packet.stream = outputs[packet.stream_index]
        output.mux(packet)
    return kept


def _with_decode_times(packets: Iterable[Any]) -> Iterator[Any]:
    """Yield `av.Packet`s with a decode time, which Matroska lacks for the first frames of streams with B-frames."""
    waiting: dict[int, list[Any]] = {}
    for packet in packets:
        if packet.size == 0:  # end-of-stream marker
            continue
        held = waiting.setdefault(packet.stream_index, [])
        if packet.dts is None:
            held.append(packet)
            continue
        for number, early in enumerate(held):
            early.dts = packet.dts - (len(held) - number) * max(1, early.duration or 0)
        yield from (*held, packet)
        held.clear()
    for packet in chain.from_iterable(waiting.values()):  # without any decode time, a stream is in display order
        if packet.pts is not None:
            packet.dts = packet.pts
            yield packet
