import os
import sys
import wave
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut
from typer.testing import CliRunner

from a2k_nets.checkpoints.checkpoint import read_tensors, write_tensors
from a2k_nets.cli.app import app
from kp_io.formats.registry import load_keypoints, save_keypoints
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.audio import write_audio
from kp_io.media.video_reader import probe_video
from kp_io.transforms import resample_fps

SPEECH = Path(__file__).parents[3] / "examples" / "assets" / "sense_and_sensibility_0870.wav"


@pytest.fixture(scope="module")
def portrait(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("portrait") / "face.png"
    Image.fromarray(astronaut()).save(path)
    return path


@pytest.fixture
def folder(tmp_path, model, reference, speech) -> Path:
    """Holds model.safetensors, face.npz and speech.wav (0.4 s)."""
    model.save_pretrained(tmp_path)
    save_keypoints(tmp_path / "face.npz", KeypointSequence(reference, image_size=(240, 320)))
    write_audio(tmp_path / "speech.wav", speech[:6_400], sample_rate=16_000)
    return tmp_path


@pytest.fixture
def generate(folder):
    """Run `a2k generate` on the folder's files; options given override its own, and None leaves one out."""

    def run(**options):
        given = {
            "image": folder / "face.npz",
            "audio": folder / "speech.wav",
            "out": folder / "out.npz",
            "model": folder,
        }
        arguments = [
            part
            for name, value in (given | options).items()
            if value is not None
            for part in (f"--{name.replace('_', '-')}", str(value))
        ]
        return CliRunner().invoke(app, ["generate", *arguments])

    return run


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def fails(generate, folder):
    """Run it, expecting exit code 1, one line that says why, and nothing made."""

    def run(**options) -> str:
        before = files_below(folder)
        result = generate(**options)
        assert result.exit_code == 1, result.output
        assert isinstance(result.exception, SystemExit), result.exception
        lines = result.stderr.strip().splitlines()
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("error: ")
        assert "Traceback" not in result.output
        assert not result.stdout.strip()
        assert files_below(folder) == before
        return lines[0]

    return run


class TestWhatWorks:
    def test_a_portrait_and_a_reading(self, generate, folder, portrait):
        result = generate(
            image=portrait, audio=SPEECH, video=folder / "new" / "out.mp4", out=folder / "new" / "out.npz"
        )
        assert result.exit_code == 0, result.output
        sequence = load_keypoints(folder / "new" / "out.npz")
        with wave.open(str(SPEECH)) as sound:
            duration = sound.getnframes() / sound.getframerate()
        assert len(sequence) == round(duration * 25)
        assert sequence.image_size == (512, 512)
        info = probe_video(folder / "new" / "out.mp4")
        assert info.has_audio
        assert info.num_frames(25.0) == len(sequence)
        assert str(len(sequence)) in result.stdout

    def test_a_table_for_spreadsheets(self, generate, folder):
        assert generate(out=folder / "out.csv").exit_code == 0
        assert len(load_keypoints(folder / "out.csv")) == 10

    @pytest.mark.parametrize(("fps", "frames"), [(25, 10), (30, 12), (29.97, 12), (60, 24), (12.5, 5)])
    def test_other_frame_rates(self, generate, folder, fps, frames):
        native = generate()
        assert native.exit_code == 0, native.output
        before = load_keypoints(folder / "out.npz")
        result = generate(fps=fps, video=folder / "out.mp4")
        assert result.exit_code == 0, result.output
        after = load_keypoints(folder / "out.npz")
        assert (len(after), after.fps) == (frames, pytest.approx(fps))
        assert torch.equal(after.keypoints, resample_fps(before, fps).keypoints)
        assert probe_video(folder / "out.mp4").fps == pytest.approx(fps, rel=1e-3)

    def test_the_seed_and_the_gains(self, generate, folder):
        def points(**options):
            result = generate(**options)
            assert result.exit_code == 0, result.output
            return load_keypoints(folder / "out.npz").keypoints

        first = points(seed=1)
        assert torch.equal(points(seed=1), first)
        assert not torch.allclose(points(seed=2), first, atol=0.1)
        held = points(head_motion=0, expression=0)
        assert torch.allclose(held, held[:1].expand_as(held), atol=1e-3)

    def test_silence(self, generate, folder):
        write_audio(folder / "silence.wav", torch.zeros(16_000), sample_rate=16_000)
        assert generate(audio=folder / "silence.wav").exit_code == 0
        assert len(load_keypoints(folder / "out.npz")) == 25

    def test_40_ms(self, generate, folder):
        write_audio(folder / "click.wav", torch.ones(640) / 2, sample_rate=16_000)
        assert generate(audio=folder / "click.wav", video=folder / "out.mp4").exit_code == 0
        assert len(load_keypoints(folder / "out.npz")) == 1

    @pytest.mark.parametrize(("rate", "layout"), [(8_000, "mono"), (48_000, "5.1")])
    def test_a_telephone_and_a_cinema(self, generate, folder, rate, layout):
        path = folder / "sound.wav"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("pcm_s16le", rate=rate, layout=layout)
            samples = np.zeros((1, rate * stream.layout.nb_channels), np.int16)
            samples[0, ::7] = 3_000
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
            frame.sample_rate = rate
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        assert generate(audio=path).exit_code == 0
        assert len(load_keypoints(folder / "out.npz")) == 25

    @pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "I;16"])
    def test_pictures_of_other_modes(self, generate, folder, portrait, mode):
        with Image.open(portrait) as image:
            if mode == "I;16":
                picture = Image.fromarray(np.asarray(image.convert("L"), np.uint16) * 257)
            else:
                picture = image.convert(mode)
            picture.save(folder / "face.tif")
        result = generate(image=folder / "face.tif")
        assert result.exit_code == 0, result.output

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("--head=talk.npz", "--driving=talk.npz"),
            ("--rest-lips", "--neutralize-mouth"),
            ("--keep-lips", "--keep-mouth"),
        ],
    )
    def test_old_spellings_of_options(self, folder, reference, old, new):
        moving = torch.cat([reference + 5 * n for n in range(3)])
        save_keypoints(folder / "talk.npz", KeypointSequence(moving, image_size=(240, 320)))
        made = []
        for option in (old, new):
            options = ["--image", folder / "face.npz", "--audio", folder / "speech.wav", "-o", folder / "out.npz"]
            options += ["--model", folder, option.replace("talk.npz", str(folder / "talk.npz"))]
            result = CliRunner().invoke(app, ["generate", *map(str, options)])
            assert result.exit_code == 0, result.output
            made.append(load_keypoints(folder / "out.npz").keypoints)
        assert torch.equal(*made)
        assert old.split("=")[0] + " " not in CliRunner().invoke(app, ["generate", "--help"]).output

    def test_a_module_is_a_command(self, monkeypatch, capsys):
        import runpy

        monkeypatch.setattr(sys, "argv", ["a2k", "generate", "--help"])
        with pytest.raises(SystemExit, match="0"):
            runpy.run_module("a2k_nets", run_name="__main__")
        assert "portrait" in capsys.readouterr().out.lower()


class TestPicturesThatFail:
    def test_no_face(self, fails, folder):
        Image.fromarray(np.full((256, 256, 3), 90, np.uint8)).save(folder / "wall.png")
        assert "no face" in fails(image=folder / "wall.png")

    def test_a_face_that_is_not_there(self, fails, portrait):
        assert "face" in fails(image=portrait, face=7)

    def test_20_px(self, fails, folder):
        Image.fromarray(astronaut()).resize((20, 20)).save(folder / "small.png")
        assert "20" in fails(image=folder / "small.png")

    @pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n and no more", b"a letter"])
    def test_no_picture(self, fails, folder, content):
        (folder / "broken.png").write_bytes(content)
        assert "broken.png" in fails(image=folder / "broken.png")

    def test_no_file(self, fails, folder):
        assert "absent.png" in fails(image=folder / "absent.png")

    def test_keypoints_that_are_none(self, fails, folder):
        (folder / "broken.npz").write_bytes(b"PK no keypoints")
        assert "broken.npz" in fails(image=folder / "broken.npz")


class TestSoundsThatFail:
    def test_0_s(self, fails, folder):
        with wave.open(str(folder / "empty.wav"), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(16_000)
        fails(audio=folder / "empty.wav")

    def test_nan(self, fails, folder):
        path = folder / "nan.wav"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("pcm_f32le", rate=16_000, layout="mono")
            frame = av.AudioFrame.from_ndarray(np.full((1, 1_600), np.nan, np.float32), format="flt", layout="mono")
            frame.sample_rate = 16_000
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        assert "NaN" in fails(audio=path)

    def test_a_text(self, fails, folder):
        (folder / "speech.txt").write_text("Good morning, this is no sound at all.\n" * 20)
        assert "speech.txt" in fails(audio=folder / "speech.txt")

    def test_a_picture(self, fails, portrait):
        assert "face.png" in fails(audio=portrait)

    def test_no_file(self, fails, folder):
        assert "absent.wav" in fails(audio=folder / "absent.wav")


class TestTexts:
    @pytest.fixture(autouse=True)
    def _espeak(self):
        pytest.importorskip("espeakng_loader", reason="speech from text needs the extra tts")

    def test_a_language_and_a_voice(self, generate, folder):
        for options in ({}, {"language": "pl"}, {"language": "de", "voice": "f2"}, {"voice": "fr"}):
            result = generate(audio=None, text="A B C", **options)
            assert result.exit_code == 0, result.output
            assert len(load_keypoints(folder / "out.npz")) > 10

    def test_one_that_is_not_there_lists_those_that_are(self, fails):
        assert "de, el, en" in fails(audio=None, text="hello", language="klingonese")
        assert "whisper" in fails(audio=None, text="hello", voice="klingonese")


class TestOutputsThatFail:
    def test_a_folder_that_cannot_be(self, fails, folder):
        (folder / "file").write_text("not a folder")
        assert "cannot write" in fails(out=folder / "file" / "out.npz")

    @pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root writes where it likes")
    def test_a_read_only_folder(self, fails, folder):
        (folder / "locked").mkdir(mode=0o500)
        assert "cannot write" in fails(out=folder / "locked" / "out.npz")

    def test_a_suffix_that_nobody_knows(self, fails, folder):
        assert "out.txt" in fails(out=folder / "out.txt")

    def test_a_video_that_cannot_be_leaves_no_keypoints(self, fails, folder):
        (folder / "file").write_text("not a folder")
        assert "cannot write" in fails(video=folder / "file" / "out.mp4")
        assert "out.txt" in fails(video=folder / "out.txt")

    def test_what_was_there_survives(self, generate, folder):
        (folder / "out.npz").write_bytes(b"before")
        assert generate(video=folder / "out.txt").exit_code == 1
        assert (folder / "out.npz").read_bytes() == b"before"


class TestCheckpointsThatFail:
    def test_truncated(self, fails, folder):
        path = folder / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-100])
        assert "model.safetensors" in fails()

    def test_another_version(self, fails, folder):
        state, metadata = read_tensors(folder / "model.safetensors")
        write_tensors(folder / "model.safetensors", state, metadata | {"format_version": "99"})
        assert "99" in fails()

    def test_a_pickle(self, fails, folder):
        torch.save({}, folder / "model.pt")
        assert "pickle" in fails(model=folder / "model.pt")

    def test_none(self, fails, folder):
        (folder / "nothing").mkdir()
        assert "found no file" in fails(model=folder / "nothing")


class TestUsage:
    @pytest.mark.parametrize(
        "options",
        [
            {"audio": None},
            {"text": "hello"},
            {"seed": "x"},
            {"head_motion": -1},
            {"out": None, "audio": None, "text": "hello"},
            {"fps": 0},
            {"voice": "f2"},
        ],
    )
    def test_exit_code_2(self, generate, options):
        result = generate(**options)
        assert result.exit_code == 2
        assert "Traceback" not in result.output

    @pytest.mark.skipif(torch.cuda.is_available(), reason="here it would work")
    def test_a_device_that_is_not_there(self, fails):
        assert "cuda" in fails(device="cuda").lower()

    def test_a_device_that_nobody_knows(self, fails):
        assert "toaster" in fails(device="toaster")
