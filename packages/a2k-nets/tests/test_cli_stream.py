import json
import signal
import subprocess
import sys
import types
from contextlib import suppress

import av
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from a2k_nets.cli.app import app
from a2k_nets.inference.generate import generate_sequence
from kp_io.formats.registry import load_keypoints, save_keypoints
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.audio import read_audio, resample_audio, write_audio


@pytest.fixture
def folder(tmp_path, model, reference, speech):
    """Holds model.safetensors, face.npz and speech.wav (0.5 s)."""
    model.save_pretrained(tmp_path)
    save_keypoints(tmp_path / "face.npz", KeypointSequence(reference, image_size=(240, 320)))
    write_audio(tmp_path / "speech.wav", speech[2_000:10_000], sample_rate=16_000)
    return tmp_path


@pytest.fixture
def stream(folder):
    def run(sound: bytes, *options: str):
        arguments = ["stream", "--image", str(folder / "face.npz"), "--model", str(folder), *options]
        return CliRunner().invoke(app, arguments, input=sound)

    return run


def raw(waveform: torch.Tensor) -> bytes:
    return (32_768 * waveform).round().clamp(-32_768, 32_767).to(torch.int16).numpy().tobytes()


def points(result) -> torch.Tensor:
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["frame"] for line in lines] == list(range(len(lines)))
    assert [line["time_seconds"] for line in lines] == pytest.approx([n / 25 for n in range(len(lines))])
    assert all(list(line) == ["frame", "time_seconds", "keypoints"] for line in lines)
    return torch.tensor([line["keypoints"] for line in lines])


@pytest.fixture
def offline(folder, model):
    def run(waveform=None, **options):
        waveform = read_audio(folder / "speech.wav") if waveform is None else waveform
        return generate_sequence(load_keypoints(folder / "face.npz"), waveform, model=model, **options).keypoints

    return run


class TestWhatWorks:
    def test_raw_and_wav_give_what_generate_gives(self, stream, folder, offline):
        sound = read_audio(folder / "speech.wav")
        for data in (raw(sound), (folder / "speech.wav").read_bytes()):
            made = points(stream(data, "--seed", "4", "--expression", "1.5"))
            assert torch.allclose(made, offline(seed=4, expression=1.5), atol=2e-4, rtol=0)

    @pytest.mark.parametrize(("name", "codec", "tolerance"), [("a.flac", "flac", 2e-4), ("a.mp3", "libmp3lame", 3.0)])
    def test_files_of_other_kinds(self, stream, folder, offline, name, codec, tolerance):
        sound = read_audio(folder / "speech.wav")
        with av.open(str(folder / name), "w") as container:
            track = container.add_stream(codec, rate=16_000, layout="mono")
            pcm = np.frombuffer(raw(sound), np.int16)[None]
            frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
            frame.sample_rate = 16_000
            container.mux([*track.encode(frame), *track.encode(None)])
        made = points(stream((folder / name).read_bytes()))
        assert made.shape == offline().shape
        assert float((made - offline(read_audio(folder / name))).abs().max()) < tolerance

    def test_5_1_weighs_as_in_generate(self, stream, folder, offline):
        channels = torch.zeros(6, 8_000)
        channels[2], channels[3] = read_audio(folder / "speech.wav"), 0.9
        with av.open(str(folder / "surround.wav"), "w") as container:
            track = container.add_stream("pcm_s16le", rate=16_000, layout="5.1")
            pcm = np.frombuffer(raw(channels.T.reshape(-1)), np.int16)[None]
            frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="5.1")
            frame.sample_rate = 16_000
            container.mux([*track.encode(frame), *track.encode(None)])
        made = points(stream((folder / "surround.wav").read_bytes()))
        assert torch.allclose(made, offline(read_audio(folder / "surround.wav")), atol=2e-4, rtol=0)

    def test_another_rate(self, stream, folder, offline):
        high = resample_audio(read_audio(folder / "speech.wav"), from_rate=16_000, to_rate=48_000)
        low = resample_audio(
            torch.frombuffer(bytearray(raw(high)), dtype=torch.int16) / 32_768, from_rate=48_000, to_rate=16_000
        )
        made = points(stream(raw(high), "--rate", "48000"))
        assert torch.allclose(made, offline(low), atol=2e-4, rtol=0)

    def test_a_microphone(self, stream, folder, offline, monkeypatch):
        sound = raw(read_audio(folder / "speech.wav"))

        class Microphone:
            """Two seconds, then somebody presses Ctrl-C."""

            def __init__(self, *, samplerate, channels, dtype):
                assert (samplerate, channels, dtype) == (16_000, 1, "int16")
                self.rest = sound

            def __enter__(self):
                return self

            def __exit__(self, *error):
                return None

            def read(self, frames):
                data, self.rest = self.rest[: 2 * frames], self.rest[2 * frames :]
                if not data:
                    raise KeyboardInterrupt
                return data, False

        fake = types.SimpleNamespace(RawInputStream=Microphone, PortAudioError=RuntimeError)
        monkeypatch.setitem(sys.modules, "sounddevice", fake)
        result = stream(b"", "--mic")
        assert result.exit_code == 130
        made = torch.tensor([json.loads(line)["keypoints"] for line in result.stdout.splitlines()])
        # Frames that would have needed more sound do not come.
        assert len(made) == 10
        assert torch.allclose(made, offline()[:10], atol=2e-4, rtol=0)


class TestWhatFails:
    def fails(self, result) -> str:
        assert result.exit_code == 1, result.output
        assert not result.stdout
        (line,) = result.stderr.strip().splitlines()
        assert line.startswith("error: ")
        return line

    def test_silence_from_nowhere(self, stream):
        assert "got none" in self.fails(stream(b""))

    def test_a_wav_of_another_kind(self, stream):
        assert "RIFF" in self.fails(stream(b"RIFF\0\0\0\0AVI "))

    def test_an_mp4_that_needs_seeking(self, stream):
        assert "from a pipe, got a MP4 file" in self.fails(stream(b"\0\0\0\x20ftypisom" + bytes(4000)))

    def test_no_face(self, stream):
        assert "absent.png" in self.fails(stream(bytes(640), "--image", "absent.png"))

    def test_no_sounddevice(self, stream, monkeypatch):
        monkeypatch.setitem(sys.modules, "sounddevice", None)
        assert 'pip install "sounddevice>=0.5"` (the extra a2k-nets[mic])' in self.fails(stream(b"", "--mic"))

    def test_usage(self, stream):
        assert stream(b"", "--rate", "0").exit_code == 2


@pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes are others there")
class TestAsAProcess:
    @pytest.fixture
    def process(self, folder):
        arguments = ["stream", "--image", str(folder / "face.npz"), "--model", str(folder)]
        with subprocess.Popen(
            [sys.executable, "-m", "a2k_nets", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            yield process
            process.kill()

    def test_frames_come_while_the_sound_does_and_ctrl_c_ends_it(self, process):
        process.stdin.write(bytes(2 * 1_776))
        process.stdin.flush()
        # The input is still open: this line did not wait for its end.
        assert json.loads(process.stdout.readline())["frame"] == 0
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == b""

    def test_a_reader_that_has_seen_enough(self, process):
        process.stdin.write(bytes(2 * 1_776))
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        with suppress(BrokenPipeError):
            process.stdin.write(bytes(200_000))
        with suppress(BrokenPipeError):
            process.stdin.close()
        assert process.wait(60) == 1
        assert process.stderr.read() == b""
