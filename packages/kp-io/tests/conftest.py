"""Real media files, made with PyAV, and the corpus where there is one."""

import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from kp_io import KeypointSequence

#: Ticks a second of the made videos: it divides evenly by every frame rate that the tests use.
TICKS = 90_000

#: Bits of a frame's number, each a black or white stripe of 8 px that any codec keeps.
BITS = 8


def _numbered(number, size):
    stripes = np.repeat([(number >> bit & 1) * 255 for bit in range(BITS)], 8).astype(np.uint8)
    row = np.pad(stripes, (0, size[1] - len(stripes)))
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (*size, 3)))


def _encode_video(container, values, times, *, size, codec, pix_fmt, rotation, rate, aspect, options):
    stream = container.add_stream(codec, rate=rate)
    stream.height, stream.width = size
    stream.pix_fmt = pix_fmt
    stream.options = ({"qp": "0", "preset": "ultrafast"} if codec == "libx264" else {}) | options
    if aspect is not None:
        stream.codec_context.sample_aspect_ratio = aspect
    # The MPEG codecs know constant rates only.
    tick = 1 / rate if codec.startswith("mpeg") else Fraction(1, TICKS)
    stream.time_base = stream.codec_context.time_base = tick
    if rotation:
        stream.set_display_rotation(rotation)
    for value, time in zip(values, times, strict=True):
        stored = "rgb24" if value.shape[2] == 3 else "rgba"
        frame = av.VideoFrame.from_ndarray(value, format=stored).reformat(format=pix_fmt, threads=1)
        frame.pts, frame.time_base = round(time / tick), tick
        yield stream, frame
    yield stream, None


def _encode_audio(container, samples, *, sample_rate, layout, codec, start):
    stream = container.add_stream(codec, rate=sample_rate, layout=layout)
    for begin in range(0, samples.shape[1], 1024):
        block = np.ascontiguousarray(samples[:, begin : begin + 1024].astype(np.float32))
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        frame.sample_rate, frame.time_base = sample_rate, Fraction(1, sample_rate)
        frame.pts = begin + round(start * sample_rate)
        yield stream, frame
    yield stream, None


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Write a video whose frames carry their number, or of the given pictures, at the given times."""

    def make(
        name: str = "video.mkv",
        *,
        num_frames: int = 50,
        fps: float = 25.0,
        times: Sequence[float] | None = None,
        pictures: Sequence[np.ndarray] | None = None,
        size: tuple[int, int] = (48, 64),
        codec: str = "libx264",
        pix_fmt: str = "yuv420p",
        rotation: int = 0,
        aspect: Fraction | None = None,
        options: dict[str, str] | None = None,
        audio: np.ndarray | None = None,
        sample_rate: int = 16000,
        layout: str = "mono",
        audio_codec: str = "pcm_s16le",
        audio_start: float = 0.0,
    ) -> Path:
        count = num_frames if pictures is None else len(pictures)
        times = [i / fps for i in range(count)] if times is None else times
        values = [_numbered(i, size) for i in range(len(times))] if pictures is None else pictures
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            rate = Fraction(fps).limit_denominator(1001)
            video = _encode_video(
                container,
                values,
                times,
                size=size,
                codec=codec,
                pix_fmt=pix_fmt,
                rotation=rotation,
                rate=rate,
                aspect=aspect,
                options=options or {},
            )
            stages = [video]
            if audio is not None:
                stages.append(
                    _encode_audio(
                        container,
                        np.atleast_2d(audio),
                        sample_rate=sample_rate,
                        layout=layout,
                        codec=audio_codec,
                        start=audio_start,
                    )
                )
            # Every stream is added before the first packet is written.
            first = [next(stage) for stage in stages]
            for (stream, frame), stage in zip(first, stages, strict=True):
                container.mux(stream.encode(frame))
                for same, following in stage:
                    container.mux(same.encode(following))
        return path

    return make


@pytest.fixture
def shown() -> Callable[..., list[int]]:
    """Tell which frame of a `make_video` video each picture shows."""
    return lambda frames: [
        sum(1 << bit for bit in range(BITS) if frame[:, 8 * bit + 2 : 8 * bit + 6].mean() > 128) for frame in frames
    ]


@pytest.fixture
def face() -> torch.Tensor:
    """One face, (68, 2), well within 256×256."""
    angle = torch.linspace(0, torch.pi, 17)
    jaw = torch.stack([128 - 80 * angle.cos(), 110 + 100 * angle.sin()], 1)

    def arc(x: float, y: float, width: float, height: float, count: int, turn: float) -> torch.Tensor:
        angle = torch.linspace(torch.pi, torch.pi + turn, count + (turn > 4))[:count]
        return torch.stack([x + width * angle.cos(), y + height * angle.sin()], 1)

    nose = torch.stack([torch.full((4,), 128.0), torch.linspace(100, 140, 4)], 1)
    base = torch.stack([torch.linspace(112, 144, 5), torch.tensor([148.0, 151, 153, 151, 148])], 1)
    return torch.cat(
        [
            jaw,
            arc(92, 88, 24, 12, 5, torch.pi),
            arc(164, 88, 24, 12, 5, torch.pi),
            nose,
            base,
            arc(92, 104, 14, 7, 6, 2 * torch.pi),
            arc(164, 104, 14, 7, 6, 2 * torch.pi),
            arc(128, 178, 32, 16, 12, 2 * torch.pi),
            arc(128, 178, 22, 7, 8, 2 * torch.pi),
        ]
    )


@pytest.fixture
def sequence(face: torch.Tensor) -> KeypointSequence:
    """Ten frames of the face moving to the right by 1.3 px a frame; two of them interpolated."""
    steps = torch.arange(10.0)[:, None, None] * torch.tensor([1.3, 0.0])
    scores = torch.ones(10, 68)
    scores[4:6] = 0
    return KeypointSequence(face + steps, scores, image_size=(256, 256), detector="drawn by hand")


@pytest.fixture
def corpus() -> Path:
    """The folder of real clips, or skip: it is not part of the repository."""
    shared = Path(os.environ.get("A2K_SHARED") or Path(__file__).parents[4] / "shared")
    clips = shared / "corpus" / "clips"
    if not clips.is_dir():
        pytest.skip(f"needs the talking-face corpus in {shared} (set A2K_SHARED)")
    return clips
