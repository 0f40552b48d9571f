"""Turn decoded frames into blocks of mono samples (PyAV)."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import numpy as np
from jaxtyping import Float

from kp_io.media.audio_resampler import RATES
from kp_io.media.sound.downmix import Downmix
from kp_io.media.timing.audio_timeline import Block

#: Seconds of sound by which a file's channels are judged together.
_BATCH_SECONDS = 0.5


def mono_blocks(frames: Iterable[av.AudioFrame], name: str, *, at_once: bool = False) -> Iterator[Block]:
    """Yield each frame mixed to mono.

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

    for frame in frames:
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
        time = None if frame.pts is None else Fraction(frame.pts) * Fraction(frame.time_base)
        batch.append((samples_of(frame), time))
        length += frame.samples
        if at_once or len(names) == 1 or length >= _BATCH_SECONDS * rate:
            yield from mix()
            length = 0
    if batch:
        yield from mix()


def samples_of(frame: av.AudioFrame) -> Float[np.ndarray, "c s"]:
    """Return the samples of a decoded frame, float32 in [-1, 1] unless the file exceeds it."""
    data: np.ndarray = frame.to_ndarray()
    if not frame.format.is_planar:
        data = data.reshape(-1, frame.layout.nb_channels).T
    if data.dtype == np.uint8:
        return (data.astype(np.float32) - 128) / 128
    if np.issubdtype(data.dtype, np.integer):
        return data.astype(np.float32) / np.float32(2.0 ** (8 * data.itemsize - 1))
    return data.astype(np.float32)


def channel_names(frame: av.AudioFrame) -> list[str]:
    """Return FFmpeg's name of each channel of a frame."""
    return [channel.name for channel in frame.layout.channels]
