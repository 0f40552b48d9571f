"""Files of all kinds on a pipe: told from raw samples, and decoded as they come."""

import io

import av
import numpy as np
import pytest

from kp_io import read_audio
from kp_io.media import SoundPipe, open_pipe

TONE = (0.5 * np.sin(2 * np.pi * 220 * np.arange(2 * 48_000) / 48_000)).astype(np.float32)


class OnlyForward(io.RawIOBase):
    """Bytes that come in pieces and cannot be sought."""

    def __init__(self, data):
        self.data = io.BytesIO(data)

    def read(self, size=-1, /):
        return self.data.read(size)

    def read1(self, size):
        return self.data.read(min(size, 700))


def encode(path, codec, form, options=None):
    with av.open(str(path), "w", format=form, options=options or {}) as container:
        stream = container.add_stream(codec, rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(TONE[None], format="fltp", layout="mono")
        frame.sample_rate = 48_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return path


KINDS = {
    "mp3": ("libmp3lame", "mp3", None),
    "mp3 without tags": ("libmp3lame", "mp3", {"id3v2_version": "0", "write_xing": "0"}),
    "mp3 without ID3": ("libmp3lame", "mp3", {"id3v2_version": "0"}),
    "flac": ("flac", "flac", None),
    "ogg": ("libopus", "ogg", None),
    "webm": ("libopus", "webm", None),
    "mka": ("pcm_s16le", "matroska", None),
    "rf64": ("pcm_s16le", "wav", {"rf64": "always"}),
    "aiff": ("pcm_s16be", "aiff", None),
    "au": ("pcm_s16be", "au", None),
    "w64": ("pcm_s16le", "w64", None),
    "caf": ("pcm_s16le", "caf", None),
    "adts": ("aac", "adts", None),
    "ac3": ("ac3", "ac3", None),
    "ts": ("mp2", "mpegts", None),
    "mp4": ("aac", "mp4", {"movflags": "frag_keyframe+empty_moov"}),
}


@pytest.mark.parametrize("what", KINDS)
def test_files_are_decoded_as_they_come(tmp_path, what):
    path = encode(tmp_path / "sound", *KINDS[what])
    pipe = open_pipe(OnlyForward(path.read_bytes()))
    assert isinstance(pipe, SoundPipe)
    heard = np.concatenate([chunk.numpy() for chunk in pipe.chunks])
    assert pipe.rate == 48_000
    assert len(heard) / 48_000 == pytest.approx(len(read_audio(path)) / 16_000, abs=0.03)
    assert float(np.sqrt((heard[9600:86_400] ** 2).mean())) == pytest.approx(0.5 / 2**0.5, abs=0.02)


def test_an_mp3_has_its_exact_length(tmp_path):
    pipe = open_pipe(OnlyForward(encode(tmp_path / "a.mp3", "libmp3lame", "mp3").read_bytes()))
    assert sum(map(len, pipe.chunks)) == len(TONE)


def test_what_needs_seeking_is_refused(tmp_path):
    data = encode(tmp_path / "a.mp4", "aac", "mp4").read_bytes()
    with pytest.raises(ValueError, match=r"from a pipe, got a MP4 file.*ffmpeg -i FILE"):
        open_pipe(OnlyForward(data))


@pytest.mark.parametrize(
    "begin", [b"", b"\1", b"\xff\xfb\x90\x64", b"\xff\xf1\x50\x80", b"\x47", b"\x0b\x77", bytes(8), b"RIFF"]
)
def test_raw_samples_stay_what_they_are(begin):
    data = begin + np.random.default_rng(0).integers(0, 255, 5000, np.uint8).tobytes() if begin else begin
    pipe = open_pipe(OnlyForward(data))
    assert not isinstance(pipe, SoundPipe)
    assert pipe.read(2) + b"".join(iter(lambda: pipe.read1(999), b"")) == data
