"""Read audio from any container as mono waveforms, and write it (PyAV)."""

import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np
import torch
from av.error import FFmpegError
from jaxtyping import Float
from torch import Tensor

from kp_io.filesystem.atomic import atomic_path, write_error
from kp_io.media.audio_resampler import RATES, Resampler
from kp_io.media.container import decode_frames, find_video_stream, open_media

#: Weight of a channel in the mono mix, by FFmpeg's name: speech is in the centre, the bass channel has none.
_DOWNMIX = {"FC": 1.0, "FL": 0.7071, "FR": 0.7071, "LFE": 0.0, "LFE2": 0.0}
_DOWNMIX_OTHER = 0.5

#: A smaller gap between audio timestamps is jitter of the container, not missing audio.
_GAP_SECONDS = 0.1

#: Larger jumps of timestamps are errors; silence for the gap would fill the memory.
_MAX_GAP_SECONDS = 600

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
    nothing clips and 5.1 speech stays loud. A file that exceeds ±1 is divided by its peak.

    Args:
        path: The file.
        sample_rate: Samples per second of the result.
        align_to_video: Start with the first video frame: earlier audio is cut; a late start and gaps within the stream
            become silence. No effect without a video stream.
        max_seconds: Reject longer audio as soon as this much is decoded, whatever duration the file states.

    Returns:
        `(S,)` float32 in [-1, 1].

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file cannot be read, is too long, has no audio or no samples, or contains NaN or infinity.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_audio(Path(folder, "tone.wav"), torch.sin(torch.arange(4000) / 8), sample_rate=8000)
        ...     read_audio(Path(folder, "tone.wav")).shape
        torch.Size([8000])
    """
    source = Path(path)
    if sample_rate < 1:
        raise ValueError(f"expected a positive sample_rate, got {sample_rate}")
    start = _video_start(source) if align_to_video else None
    resampler: Resampler | None = None
    chunks: list[Tensor] = []
    count = num_broken = 0
    for block, rate in _join_blocks(_decode_mono(source, start)):
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
        early = f"audio that ends before the first frame (at {start or 0:.2f} s)"
        raise ValueError(f"expected audio in {source}, got {early}")
    if num_broken:
        raise ValueError(f"expected finite samples in {source}, got NaN or infinity in {num_broken} of {count} samples")
    waveform = torch.cat([*chunks, resampler.flush()])
    # Unscaled floats exceed ±1, and so does, slightly, the filter's overshoot; dividing distorts neither.
    low, high = (float(end) for end in waveform.aminmax())
    peak = max(-low, high)
    return waveform / peak if peak > 1 else waveform


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
    return torch.from_numpy(np.concatenate([_mono(frame) for frame in frames])), frames[0].sample_rate


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
    rate = 0
    for block, rate in blocks:
        joined.append(block)
        if sum(map(len, joined)) >= rate:
            yield np.concatenate(joined), rate
            joined = []
    if joined:
        yield np.concatenate(joined), rate


def _decode_mono(source: Path, start_seconds: float | None) -> Iterator[tuple[np.ndarray, int]]:
    """Yield mono blocks and the sample rate of the stream; with `start_seconds`, placed at their times from there."""
    position = rate = 0
    for frame in _audio_frames(source):
        if rate and frame.sample_rate != rate:
            raise ValueError(f"expected one sample rate in {source}, got {rate} and then {frame.sample_rate} Hz")
        if not RATES[0] <= frame.sample_rate <= RATES[1]:
            raise ValueError(f"expected from {RATES[0]} to {RATES[1]} Hz in {source}, got {frame.sample_rate} Hz")
        block = _mono(frame)
        if start_seconds is not None and frame.time is not None:
            start = round((frame.time - start_seconds) * frame.sample_rate)
            if not rate and start < 0:
                position = start  # samples before the first frame have negative positions and are cut below
            elif start - position > (_GAP_SECONDS * frame.sample_rate if rate else 0):
                if start - position > _MAX_GAP_SECONDS * frame.sample_rate:
                    jump = f"a jump of {(start - position) / frame.sample_rate:.0f} s; remux the file to repair it"
                    raise ValueError(f"expected audio without long gaps in {source}, got {jump}")
                block = np.concatenate([np.zeros(start - position, np.float32), block])
        rate = frame.sample_rate
        yield block[max(0, -position) :], rate
        position += len(block)


def _audio_frames(source: Path) -> Iterator[av.AudioFrame]:
    with open_media(source, expected="an audio or video file") as container:
        if not container.streams.audio:
            raise ValueError(f"expected an audio stream in {source}, found none")
        yield from decode_frames(container, container.streams.audio[0], source)


def _mono(frame: av.AudioFrame) -> np.ndarray:
    channels = frame.layout.nb_channels
    data: np.ndarray = frame.to_ndarray()
    if not frame.format.is_planar:
        data = data.reshape(-1, channels).T
    if data.dtype == np.uint8:
        data = (data.astype(np.float32) - 128) / 128
    elif np.issubdtype(data.dtype, np.integer):
        data = data.astype(np.float32) / 2.0 ** (8 * data.itemsize - 1)
    weights = np.array([_DOWNMIX.get(c.name, _DOWNMIX_OTHER) for c in frame.layout.channels], np.float32)
    if weights.sum() == 0:
        weights = np.ones(channels, np.float32)
    mixed: np.ndarray = weights / weights.sum() @ data.astype(np.float32)
    return mixed


def _video_start(source: Path) -> float | None:
    """Return the time of the first video frame; None without a video stream or frame."""
    with open_media(source, expected="an audio or video file") as container:
        stream = find_video_stream(container)
        first = None if stream is None else next(decode_frames(container, stream, source), None)
        return None if first is None else first.time or 0.0
