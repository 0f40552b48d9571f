"""`a2k generate --portrait-video`."""

import av
import pytest
from skimage.data import astronaut
from typer.testing import CliRunner

from a2k_nets.cli import generate
from a2k_nets.cli.app import app
from kp_io import annotate_image, probe_video, read_video, save_keypoints, write_audio, write_image


@pytest.fixture
def folder(tmp_path, model, speech, monkeypatch):
    model.save_pretrained(tmp_path / "model")
    write_image(tmp_path / "face.png", astronaut())
    write_audio(tmp_path / "speech.wav", speech[:8_000], sample_rate=16_000)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words):
    return CliRunner().invoke(app, ["generate", "--audio", "speech.wav", *words])


def test_the_portrait_speaks(folder):
    pytest.importorskip("kornia", reason="kp-render needs it")
    result = run("--image", "face.png", "--portrait-video", "a.mp4", "--draw", "b.mp4")
    assert result.exit_code == 0, result.output
    assert "a.mp4" in result.stdout
    frames = list(read_video(folder / "a.mp4"))
    assert len(frames) == 12
    assert frames[0].shape == (512, 512, 3)
    assert any((frame != frames[0]).any() for frame in frames)
    assert probe_video(folder / "a.mp4").has_audio
    with av.open(str(folder / "a.mp4")) as container:
        assert "generated" in container.metadata["comment"]


def fails(said, *words):
    result = run(*words)
    assert result.exit_code == 1
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_what_fails(folder, monkeypatch):
    pytest.importorskip("kornia", reason="kp-render needs it")
    save_keypoints("face.npz", annotate_image(astronaut()))
    fails("a picture", "--image", "face.npz", "--portrait-video", "a.mp4", "-o", "o.npz")
    fails(".mkv", "--image", "face.png", "--portrait-video", "a.gif")
    fails("two files", "--image", "face.png", "--portrait-video", "a.mp4", "--draw", "a.mp4")
    monkeypatch.setattr(generate, "has_kp_render", lambda: False)
    fails("packages/kp-render[io]", "--image", "face.png", "--portrait-video", "a.mp4")
    assert not list(folder.glob("*.mp4"))
