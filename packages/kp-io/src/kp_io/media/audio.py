"""Read audio from any container as mono waveforms, and write it (PyAV)."""

import io
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from av.error import FFmpegError
from jaxtyping import Float
from torch import Tensor

from kp_io.filesystem.atomic import atomic_path, write_error
from kp_io.media.audio_resampler import Resampler
from kp_io.media.container import decode_frames, find_video_stream, open_media
from kp_io.media.sound.downmix import channel_weights
from kp_io.media.sound.mono_blocks import channel_names, mono_blocks, samples_of
from kp_io.media.timing.audio_timeline import place_blocks
from kp_io.media.timing.video_clock import VideoClock

#: Ten minutes at 16 kHz.
_BLOCK_SAMPLES = 9_600_000

#: FFmpeg's codec for each suffix that `write_audio` writes, both 16-bit and lossless.
_CODECS = {".wav": "pcm_s16le", ".flac": "flac"}


def num_samples(num_frames: int, *, fps: float, sample_rate: int) -> int:
    """Return the number of audio samples in `num_frames` frames: `round(num_frames / fps * sample_rate)`.

    Example:
        >>> num_samples(100, fps=25.0, sample_rate=16000)
        64000
    """
    return round(num_frames / fps * sample_rate)


def align_audio(
    waveform: Float[Tensor, " s"], *, num_frames: int, fps: float, sample_rate: int
) -> Float[Tensor, " aligned"]:
    """Return a waveform `(S,)` cut, or padded with silence at its end, to the duration of `num_frames` frames.

    Containers store audio in blocks, so audio and video of one file rarely end together.

    Raises:
        ValueError: The waveform is not one-dimensional, or a number is not positive.

    Example:
        >>> align_audio(torch.ones(5), num_frames=2, fps=25.0, sample_rate=100)
        tensor([1., 1., 1., 1., 1., 0., 0., 0.])
    """
    if waveform.ndim != 1:
        raise ValueError(f"expected a mono waveform (S,), got {tuple(waveform.shape)}")
    if num_frames < 1 or fps <= 0 or sample_rate <= 0:
        raise ValueError(f"expected positive numbers, got {num_frames=}, {fps=}, {sample_rate=}")
    length = num_samples(num_frames, fps=fps, sample_rate=sample_rate)
    return torch.nn.functional.pad(waveform[:length], (0, max(0, length - len(waveform))))


def read_audio(
    path: str | os.PathLike[str],
    *,
    sample_rate: int = 16000,
    align_to_video: bool = False,
    max_seconds: float = torch.inf,
) -> Float[Tensor, " s"]:
    """Read the first audio stream of any audio or video file as a mono waveform.

    Channels are mixed by weight (centre 1, front left and right 0.71, surround 0.5, bass 0; divided by their sum), so
    nothing clips and 5.1 speech stays loud. Where the channels cancel each other, as L = -R, the louder one is taken
    and a warning is logged. A file that exceeds ±1 is divided by its peak.

    Sound is placed at its timestamps, never off by more than 20 ms: holes become silence, overlaps are dropped, and a
    sound clock that drifts is followed by stretching the sound a little. A jump of more than 30 s in which the file has
    neither picture nor sound is closed, and a warning is logged.

    Args:
        path: The file.
        sample_rate: Samples per second of the result.
        align_to_video: Start with the first video frame: earlier audio is cut, a late start becomes silence. By
            default, and without a video stream, the result begins with the first sample.
        max_seconds: Reject longer audio as soon as this much is decoded, whatever duration the file states.

    Returns:
        `(S,)` float32 in [-1, 1].

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file cannot be read, is too long, has no audio or no samples, jumps by more than 600 s, or
            contains NaN or infinity.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_audio(Path(folder, "tone.wav"), torch.sin(torch.arange(4000) / 8), sample_rate=8000)
        ...     read_audio(Path(folder, "tone.wav")).shape
        torch.Size([8000])
    """
    blocks = read_audio_blocks(path, sample_rate=sample_rate, align_to_video=align_to_video, max_seconds=max_seconds)
    waveform = torch.empty(sum(map(len, blocks)))
    start = len(waveform)
    while blocks:  # from the end, block by block, because joined at once an hour would take twice its memory
        block = blocks.pop()
        start -= len(block)
        waveform[start : start + len(block)] = block
    return waveform


def read_audio_blocks(
    path: str | os.PathLike[str],
    *,
    sample_rate: int = 16000,
    align_to_video: bool = False,
    max_seconds: float = torch.inf,
) -> list[Float[Tensor, " _"]]:
    """Read audio as `read_audio` does, in blocks of up to ten minutes at 16 kHz that can be freed one by one.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_audio(Path(folder, "tone.wav"), torch.zeros(20000), sample_rate=8000)
        ...     sum(map(len, read_audio_blocks(Path(folder, "tone.wav"), sample_rate=8000)))
        20000
    """
    source = Path(path)
    if sample_rate < 1:
        raise ValueError(f"expected a positive sample_rate, got {sample_rate}")
    start = _video_start(source) if align_to_video else None
    resampler: Resampler | None = None
    chunks = _Blocks()
    count = num_broken = 0
    placed = place_blocks(mono_blocks(_audio_frames(source), str(source)), source, start=start)
    for block, rate in _join_blocks(placed):
        # In chunks, because an hour at the original rate takes several times the memory of the result.
        resampler = resampler or Resampler(from_rate=rate, to_rate=sample_rate)
        chunks.append(resampler.push(torch.from_numpy(block)))
        count += len(block)
        num_broken += len(block) - int(np.isfinite(block).sum())
        if count > max_seconds * rate:
            raise ValueError(f"expected audio of at most {max_seconds:g} s, got more in {source}")
    if resampler is None:
        raise ValueError(f"expected audio in {source}, got an audio stream of 0 samples")
    if not count:
        early = f"audio that ends before the first frame (at {float(start or 0):.2f} s)"
        raise ValueError(f"expected audio in {source}, got {early}")
    if num_broken:
        raise ValueError(f"expected finite samples in {source}, got NaN or infinity in {num_broken} of {count} samples")
    chunks.append(resampler.flush())
    blocks = chunks.blocks()
    # Unscaled floats exceed ±1, and so does, slightly, the filter's overshoot; dividing distorts neither.
    peak = max(float(end.abs()) for block in blocks for end in block.aminmax())
    return [block.div_(peak) for block in blocks] if peak > 1 else blocks


class _Blocks:
    """Samples in blocks so large that each goes back to the system when it is freed."""

    def __init__(self) -> None:
        self._blocks: list[Tensor] = []
        self._free = 0

    def append(self, samples: Float[Tensor, " s"]) -> None:
        while len(samples):
            if not self._free:
                self._blocks.append(torch.empty(_BLOCK_SAMPLES))  # takes memory only as it is filled
                self._free = _BLOCK_SAMPLES
            taken, samples = samples[: self._free], samples[self._free :]
            start = _BLOCK_SAMPLES - self._free
            self._blocks[-1][start : start + len(taken)] = taken
            self._free -= len(taken)

    def blocks(self) -> list[Float[Tensor, " _"]]:
        return [*self._blocks[:-1], *(block[: _BLOCK_SAMPLES - self._free] for block in self._blocks[-1:])]


def resample_audio(waveform: Float[Tensor, " s"], *, from_rate: int, to_rate: int) -> Float[Tensor, " resampled"]:
    """Return a waveform at another sample rate, `(max(1, round(S * to_rate / from_rate)),)` float32.

    Example:
        >>> resample_audio(torch.zeros(44100), from_rate=44100, to_rate=16000).shape
        torch.Size([16000])
    """
    if from_rate == to_rate:
        return waveform.to(torch.float32)
    resampler = Resampler(from_rate=from_rate, to_rate=to_rate)
    return torch.cat((resampler.push(waveform), resampler.flush()))


def write_audio(path: str | os.PathLike[str], waveform: Float[Tensor, " s"], *, sample_rate: int = 16000) -> None:
    """Write a mono waveform atomically as 16-bit `.wav` or `.flac`; values beyond ±1 are clipped.

    Raises:
        ValueError: The waveform is empty, not one-dimensional or not finite, or the suffix is unknown.
        OSError: The folder cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _CODECS:
        raise ValueError(f"expected a file name ending in {' or '.join(_CODECS)}, got {path}")
    pcm = _to_pcm(waveform)
    with atomic_path(path) as temporary:
        try:
            _write_pcm(str(temporary), suffix, pcm, sample_rate)
        except FFmpegError as error:
            raise write_error(path, error) from error


def encode_flac(waveform: Float[Tensor, " s"], *, sample_rate: int = 16000) -> bytes:
    """Return a mono waveform as the bytes of a 16-bit FLAC file; values beyond ±1 are clipped.

    Raises:
        ValueError: The waveform is empty, not one-dimensional or not finite.

    Example:
        >>> encode_flac(torch.zeros(16000))[:4]
        b'fLaC'
    """
    buffer = io.BytesIO()
    _write_pcm(buffer, ".flac", _to_pcm(waveform), sample_rate)
    return buffer.getvalue()


def decode_flac(data: bytes) -> tuple[Float[Tensor, " s"], int]:
    """Return the mono waveform `(S,)` of `encode_flac` in [-1, 1], and its sample rate.

    Raises:
        ValueError: The bytes are not a FLAC file.

    Example:
        >>> waveform, sample_rate = decode_flac(encode_flac(torch.tensor([0.0, 0.5, -0.25]), sample_rate=8000))
        >>> waveform, sample_rate
        (tensor([ 0.0000,  0.5000, -0.2500]), 8000)
    """
    try:
        with av.open(io.BytesIO(data), "r", format="flac") as container:
            frames = list(container.decode(audio=0))
    except FFmpegError as error:
        raise ValueError(f"expected the bytes of a FLAC file, got {len(data)} others: {error.strerror}") from error
    if not frames:
        raise ValueError(f"expected the bytes of a FLAC file, got {len(data)} others")
    blocks = [channel_weights(channel_names(frame)) @ samples_of(frame) for frame in frames]
    return torch.from_numpy(np.concatenate(blocks)), frames[0].sample_rate


def _to_pcm(waveform: Float[Tensor, " s"]) -> np.ndarray:
    if waveform.ndim != 1 or not len(waveform):
        raise ValueError(f"expected a mono waveform (S,) with S of at least 1, got {tuple(waveform.shape)}")
    if not bool(torch.isfinite(waveform).all()):
        raise ValueError("expected finite samples, got NaN or infinity")
    pcm = (waveform.detach().cpu().to(torch.float64) * 32768).round().clamp(-32768, 32767)
    return np.asarray(pcm.to(torch.int16).numpy())


def _write_pcm(target: str | io.BytesIO, suffix: str, pcm: np.ndarray, sample_rate: int) -> None:
    with av.open(target, "w", format=suffix[1:]) as container:
        stream = container.add_stream(_CODECS[suffix], rate=sample_rate, format="s16", layout="mono")
        assert isinstance(stream, av.AudioStream)
        # A few seconds at a time, in whole encoder blocks, so that an hour of audio is not copied at once.
        for start in range(0, len(pcm), 4096 * 16):
            frame = av.AudioFrame.from_ndarray(pcm[None, start : start + 4096 * 16], format="s16", layout="mono")
            frame.sample_rate = sample_rate
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _join_blocks(blocks: Iterable[tuple[np.ndarray, int]]) -> Iterator[tuple[np.ndarray, int]]:
    """Join the small blocks of a decoder to blocks of about a second."""
    joined: list[np.ndarray] = []
    rate = length = 0
    for block, rate in blocks:
        joined.append(block)
        length += len(block)
        if length >= rate:
            yield np.concatenate(joined), rate
            joined, length = [], 0
    if joined:
        yield np.concatenate(joined), rate


def _audio_frames(source: Path) -> Iterator[av.AudioFrame]:
    with open_media(source, expected="an audio or video file") as container:
        if not container.streams.audio:
            raise ValueError(f"expected an audio stream in {source}, found none")
        yield from decode_frames(container, container.streams.audio[0], source)


def _video_start(source: Path) -> Fraction | None:
    """Return the time of the first video frame; None without a video stream or frame."""
    with open_media(source, expected="an audio or video file") as container:
        stream = find_video_stream(container)
        first = None if stream is None else next(decode_frames(container, stream, source), None)
        return None if stream is None or first is None else VideoClock(stream, source).time_of(first)
