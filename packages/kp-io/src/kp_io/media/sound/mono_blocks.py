"""Turn decoded frames into blocks of mono samples (PyAV)."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from jaxtyping import Float

from kp_io.media.audio_resampler import RATES
from kp_io.media.sound.downmix import Downmix
from kp_io.media.timing.audio_timeline import Block

#: Seconds of consecutive frames that are converted together: frames are short, and each costs some calls.
_JOINED_SECONDS = 0.5

#: What the samples of FFmpeg's formats are; planar ones have a p at the end.
_DTYPES = {"u8": np.uint8, "s16": np.int16, "s32": np.int32, "s64": np.int64, "flt": np.float32, "dbl": np.float64}

#: Seconds of sound by which a file's channels are judged together.
_BATCH_SECONDS = 0.5


def mono_blocks(frames: Iterable[av.AudioFrame], name: str, *, at_once: bool = False) -> Iterator[Block]:
    """Yield frames mixed to mono, those joined whose timestamps follow each other to the sample.

    Args:
        frames: Decoded frames of one stream.
        name: Name of the source for messages.
        at_once: Judge whether the channels cancel by what has come so far, and hold nothing back.

    Raises:
        ValueError: The sample rate changes or is implausible.
    """
    downmix = Downmix(name)
    batch: list[tuple[np.ndarray, Fraction | None]] = []
    names: list[str] = []
    rate = length = 0

    def mix() -> Iterator[Block]:
        mixed = downmix.push([samples for samples, _ in batch], names, rate=rate)
        for samples, (_, time) in zip(mixed, batch, strict=True):
            yield Block(samples, rate, time)
        batch.clear()

    for group in _join_frames(frames, 0 if at_once else _JOINED_SECONDS):
        frame = group[0]
        if rate and frame.sample_rate != rate:
            raise ValueError(f"expected one sample rate in {name}, got {rate} and then {frame.sample_rate} Hz")
        if not RATES[0] <= frame.sample_rate <= RATES[1]:
            raise ValueError(f"expected from {RATES[0]} to {RATES[1]} Hz in {name}, got {frame.sample_rate} Hz")
        rate = frame.sample_rate
        of_frame = channel_names(frame)
        if batch and of_frame != names:
            yield from mix()
            length = 0
        names = of_frame
        time = None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base
        batch.append((samples_of(*group), time))
        length += batch[-1][0].shape[1]
        if at_once or len(names) == 1 or length >= _BATCH_SECONDS * rate:
            yield from mix()
            length = 0
    if batch:
        yield from mix()


def _join_frames(frames: Iterable[av.AudioFrame], seconds: float) -> Iterator[list[av.AudioFrame]]:
    """Yield frames in groups of up to some seconds, of one kind and without any gap or overlap in a group."""
    group: list[av.AudioFrame] = []
    length = 0
    kind: tuple[object, ...] = ()
    for frame in frames:
        base = frame.time_base or Fraction(0)
        # As two numbers, since comparing fractions takes long for something done with every frame.
        ticks = base.numerator, base.denominator
        this = frame.sample_rate, frame.format.name, frame.layout.name, ticks
        if group and not (
            this == kind and length < seconds * frame.sample_rate and _follows(frame, group[0], length, ticks)
        ):
            yield group
            group, length = [], 0
        kind = this
        group.append(frame)
        length += frame.samples
    if group:
        yield group


def _follows(frame: av.AudioFrame, first: av.AudioFrame, length: int, ticks: tuple[int, int]) -> bool:
    """Return whether a frame begins exactly `length` samples after the first one; `ticks` is the time base, or 0."""
    if frame.pts is None or first.pts is None or not ticks[0]:
        return frame.pts is first.pts
    return (frame.pts - first.pts) * ticks[0] * frame.sample_rate == length * ticks[1]


def samples_of(*frames: av.AudioFrame) -> Float[np.ndarray, "c s"]:
    """Return the samples of decoded frames of one kind, float32 in [-1, 1] unless the file exceeds it."""
    frame = frames[0]
    dtype, channels = _DTYPES[frame.format.name.removesuffix("p")], frame.layout.nb_channels
    # Not `to_ndarray`, which copies each frame once more.
    if frame.format.is_planar:
        planes = [[_samples(frame.planes[n], dtype, frame.samples) for frame in frames] for n in range(channels)]
        data = np.stack([np.concatenate(plane) for plane in planes])
    else:
        parts = [_samples(frame.planes[0], dtype, channels * frame.samples) for frame in frames]
        data = np.concatenate(parts).reshape(-1, channels).T
    if data.dtype == np.uint8:
        return (data.astype(np.float32) - 128) / 128
    if np.issubdtype(data.dtype, np.integer):
        return data.astype(np.float32) / np.float32(2.0 ** (8 * data.itemsize - 1))
    return data.astype(np.float32)


def channel_names(frame: av.AudioFrame) -> list[str]:
    """Return FFmpeg's name of each channel of a frame."""
    return [channel.name for channel in frame.layout.channels]


def _samples(plane: Any, dtype: Any, count: int) -> np.ndarray:
    """Return the first samples of a plane as a view; PyAV's types do not declare that planes are buffers."""
    return np.frombuffer(plane, dtype, count)
