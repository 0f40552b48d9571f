"""Write frames and audio to video files that play everywhere (PyAV)."""

import os
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
import numpy as np
import torch
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from jaxtyping import Float, UInt8
from torch import Tensor

from kp_io.filesystem.atomic import atomic_path, write_error
from kp_io.media.audio import resample_audio

if TYPE_CHECKING:
    from av.video.stream import VideoStream

#: Endings of videos that can be written: containers that hold H.264 and AAC.
VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv")

#: By the number of channels: format of the frames, codec, format in the file, options of the codec.
_FORMATS: dict[int, tuple[str, str, str, dict[str, str]]] = {
    3: ("rgb24", "libx264", "yuv420p", {"crf": "18", "preset": "veryfast"}),
    4: ("rgba", "prores_ks", "yuva444p10le", {"profile": "4444", "alpha_bits": "16"}),
}

#: Sample rates of AAC; audio at another rate is resampled to 48 kHz.
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)


def write_video(
    path: str | os.PathLike[str],
    frames: Iterable[UInt8[np.ndarray, "_ _ _"]],
    *,
    fps: float = 25.0,
    audio: Float[Tensor, " s"] | None = None,
    sample_rate: int = 16000,
    comment: str | None = None,
) -> None:
    """Write frames, and optionally audio, atomically as H.264 and AAC that browsers play.

    Frames are consumed one at a time. Odd sizes are padded to even by repeating the last row or column. The audio is
    cut or padded with silence to the duration of the frames, as by `align_audio`.

    Frames with transparency become Apple ProRes 4444 in a `.mov`, which editors read and browsers do not.

    Args:
        path: Output file: `.mp4`, `.m4v`, `.mov` or `.mkv`. A missing folder is created.
        frames: `(H, W, 3)` uint8 RGB each, all of one size; or `(H, W, 4)` RGBA for a `.mov`, whose colours are not
            multiplied by the alpha.
        fps: Frames per second.
        audio: `(S,)` in [-1, 1].
        sample_rate: Samples per second of `audio`.
        comment: Text for the file's metadata, such as where the frames come from.

    Raises:
        ValueError: There is no frame, frames differ in shape or are not uint8, or the suffix is unknown.
        OSError: The folder cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() not in VIDEO_SUFFIXES:
        raise ValueError(f"expected a file name ending in {', '.join(VIDEO_SUFFIXES)}, got {target}")
    if not 0 < fps < float("inf"):
        raise ValueError(f"expected a positive number of frames per second, got {fps=}")
    iterator = iter(frames)
    first = next(iterator, None)
    if first is None:
        raise ValueError(f"expected at least one frame for {target}, got none")
    if first.ndim != 3 or first.shape[2] not in (3, 4) or first.dtype != np.uint8:
        raise ValueError(f"expected frames (H, W, 3) uint8, got {first.shape} {first.dtype}")
    if first.shape[2] == 4 and target.suffix.lower() != ".mov":
        raise ValueError(f"expected a file name ending in .mov for frames with transparency, got {target}")
    # The index goes to the front, so that a browser can play before the whole file is loaded.
    options = {} if target.suffix.lower() == ".mkv" else {"movflags": "+faststart"}
    with atomic_path(target) as temporary:
        try:
            with av.open(str(temporary), "w", options=options) as container:
                if comment:
                    container.metadata["comment"] = comment
                _encode(container, chain([first], iterator), first.shape, fps, audio, sample_rate)
        except FFmpegError as error:
            raise write_error(target, error) from error


def _encode(
    container: OutputContainer,
    frames: Iterable[UInt8[np.ndarray, "_ _ _"]],
    shape: tuple[int, ...],
    fps: float,
    audio: Float[Tensor, " s"] | None,
    sample_rate: int,
) -> None:
    encode_frame = _video_encoder(container, shape, fps)
    encode_audio_until = None if audio is None else _audio_encoder(container, audio, sample_rate)
    for count, frame in enumerate(frames, start=1):
        if frame.shape != shape or frame.dtype != np.uint8:
            raise ValueError(f"expected frames {shape} uint8, got {frame.shape} {frame.dtype} as number {count}")
        encode_frame(frame)
        if encode_audio_until:
            encode_audio_until(count / fps)
    for video in container.streams.video:
        container.mux(video.encode(None))
    for track in container.streams.audio:
        container.mux(track.encode(None))


def _video_encoder(
    container: OutputContainer, shape: tuple[int, ...], fps: float
) -> Callable[[UInt8[np.ndarray, "h w c"]], None]:
    height, width, channels = shape
    given, codec, pixel_format, options = _FORMATS[channels]
    rate = Fraction(fps).limit_denominator(100_000)
    stream = cast("VideoStream", container.add_stream(codec, rate=rate))
    stream.width, stream.height, stream.pix_fmt = width + width % 2, height + height % 2, pixel_format
    stream.options = dict(options)
    # Tagged explicitly: players guess the colour matrix of untagged video by its size, and get small ones wrong.
    context = stream.codec_context
    context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
    context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    reformatter = VideoReformatter()  # one for all frames: its setup takes longer than a frame

    def encode(pixels: UInt8[np.ndarray, "h w c"]) -> None:
        even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(even, format=given)
        planes = reformatter.reformat(frame, format=pixel_format, dst_colorspace=Colorspace.ITU709, threads=1)
        container.mux(stream.encode(planes))

    return encode


def _audio_encoder(container: OutputContainer, audio: Float[Tensor, " s"], sample_rate: int) -> Callable[[float], None]:
    if audio.ndim != 1 or not len(audio) or not bool(torch.isfinite(audio).all()):
        raise ValueError(f"expected audio (S,) of finite samples, S at least 1, got {tuple(audio.shape)}")
    if sample_rate < 1:
        raise ValueError(f"expected a positive sample_rate, got {sample_rate}")
    rate = sample_rate if sample_rate in _AAC_RATES else 48000
    samples = resample_audio(audio.detach().cpu(), from_rate=sample_rate, to_rate=rate).clamp(-1, 1).numpy()
    stream = container.add_stream("aac", rate=rate, layout="mono")
    done = 0

    def encode_until(seconds: float) -> None:
        """Encode up to a time, with silence after the end of the audio."""
        nonlocal done
        stop = round(seconds * rate)
        block = samples[done:stop]
        block = np.pad(block, (0, stop - done - len(block)))
        frame = av.AudioFrame.from_ndarray(block[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, done, Fraction(1, rate)
        container.mux(stream.encode(frame))
        done = stop

    return encode_until
