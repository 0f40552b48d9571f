"""Decoded frames of every sample format, joined where they follow each other."""

import struct
from fractions import Fraction
from itertools import count

import av
import numpy as np
import pytest

from kp_io.media.container import decode_frames, open_media
from kp_io.media.sound.mono_blocks import mono_blocks, samples_of

RATE = 8_000
DTYPES = {"u8": np.uint8, "s16": np.int16, "s32": np.int32, "flt": np.float32, "dbl": np.float64}
LARGEST = {"u8": 128, "s16": 2**15, "s32": 2**31, "flt": 1, "dbl": 1}


def make_frame(fmt, values, *, layout="stereo", pts=0):
    """A frame of values (C, S) in [-1, 1)."""
    kind = fmt.removesuffix("p")
    stored = (values * LARGEST[kind] + (128 if kind == "u8" else 0)).astype(DTYPES[kind])
    packed = stored if fmt.endswith("p") else stored.T.reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(packed), format=fmt, layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = RATE, pts, Fraction(1, RATE)
    return frame


@pytest.mark.parametrize("fmt", [kind + planar for kind in DTYPES for planar in ("", "p")])
def test_samples_of_every_format(fmt):
    # Numbers that 8 bits hold, and lengths that no alignment of memory fits.
    values = np.random.default_rng(0).integers(-128, 128, (2, 60)) / 128
    found = samples_of(make_frame(fmt, values[:, :37]), make_frame(fmt, values[:, 37:]))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values)


def test_samples_of_64_bits(tmp_path):
    """PyAV makes no such frames of arrays, but decodes them."""
    values = np.random.default_rng(0).integers(-128, 128, (60, 2))
    data = (values * 2**56).astype("<i8").tobytes()
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 2, RATE, 16 * RATE, 16, 64, b"data", len(data))  # fmt: skip # noqa: E501
    (tmp_path / "long.wav").write_bytes(head + data)
    with open_media(tmp_path / "long.wav", expected="sound") as container:
        (frame,) = container.decode(audio=0)
        assert frame.format.name == "s64"
        np.testing.assert_array_equal(samples_of(frame), values.T / 128)


@pytest.mark.parametrize("late", [0, 1])
def test_frames_are_joined_only_without_a_gap(late):
    ramp = np.arange(200)[None] / 256
    times = [0, 100 + late]
    frames = [make_frame("flt", ramp[:, 100 * i : 100 * i + 100], layout="mono", pts=times[i]) for i in range(2)]
    blocks = list(mono_blocks(frames, "ramp"))
    assert [block.time for block in blocks] == [Fraction(time, RATE) for time in times[: 1 + late]]
    np.testing.assert_array_equal(np.concatenate([block.samples for block in blocks]), ramp[0])


def test_frames_without_times_are_joined():
    frames = [make_frame("s16", np.zeros((1, 100)), layout="mono", pts=None) for _ in range(3)]
    (block,) = mono_blocks(frames, "silence")
    assert (len(block.samples), block.time) == (300, None)


@pytest.mark.parametrize("name", ["a.wav", "a.w64"])
def test_a_minute_of_uncompressed_sound_is_few_frames(tmp_path, name):
    """Each frame costs calls; by itself FFmpeg hands these files out in frames of 1024 samples."""
    path = tmp_path / name
    samples = np.random.default_rng(0).integers(-(2**15), 2**15, (1, 60 * RATE), dtype=np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = RATE
        container.mux([*stream.encode(frame), *stream.encode(None)])
    places = count(0, 8_192)
    with open_media(path, expected="sound") as container:
        for frame in decode_frames(container, container.streams.audio[0], path):
            assert frame.pts == next(places)
            np.testing.assert_array_equal(frame.to_ndarray(), samples[:, frame.pts :][:, : frame.samples])
    assert next(places) == 8_192 * 59
