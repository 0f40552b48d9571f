"""`a2k generate --draw`, its old name, first frames of videos, and files that are read and not overwritten."""

import logging
import os

import numpy as np
import pytest
import torch
from skimage.data import astronaut
from typer.testing import CliRunner

from a2k_nets.cli.app import app
from kp_io import (
    KeypointSequence,
    annotate_image,
    face_box,
    load_keypoints,
    rasterize,
    read_video,
    save_keypoints,
    warp_image_to_head,
    write_audio,
    write_image,
    write_video,
)


@pytest.fixture(scope="module")
def face():
    return annotate_image(astronaut())


@pytest.fixture
def folder(tmp_path, model, speech, monkeypatch):
    model.save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").rename(tmp_path / "model.safetensors")
    write_image(tmp_path / "face.png", astronaut())
    write_audio(tmp_path / "speech.wav", speech[:16_000], sample_rate=16_000)
    sound = speech[:8_000]
    write_video(tmp_path / "talk.mp4", [astronaut()] * 12, audio=sound, sample_rate=16_000)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def close(a, b):
    """Return the mean difference of two frames; the codec costs about 2 of 255."""
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


def test_points_are_drawn_on_the_portrait_and_stay_there(folder, face):
    result = run("generate", "--image", "face.png", "--audio", "speech.wav", "--draw", "a.mp4", "--head-motion", 3)
    assert result.exit_code == 0, result.output
    assert "25 frames" in result.stdout
    sequence = load_keypoints(folder / "speech.npz")
    crop = face_box(sequence)
    moving = warp_image_to_head(astronaut(), sequence, reference=face.keypoints[0])
    wanted = list(rasterize(sequence, height=512, crop=crop, background=moving))
    held = list(rasterize(sequence, height=512, crop=crop, background=astronaut()))
    frames = list(read_video(folder / "a.mp4"))
    assert len(frames) == len(wanted)
    assert max(close(*pair) for pair in zip(frames, wanted, strict=True)) < 3
    assert close(frames[-1], held[-1]) > 2 * close(frames[-1], wanted[-1])


def test_the_old_name_of_draw_works_with_a_warning(folder, caplog):
    save_keypoints(folder / "face.npz", annotate_image(astronaut()))
    with caplog.at_level(logging.WARNING):
        result = run("generate", "--image", "face.npz", "--audio", "speech.wav", "-o", "a.npz", "--video", "a.mp4")
    assert result.exit_code == 0, result.output
    assert "--draw" in caplog.text
    # Keypoints have no picture: they are drawn on black.
    assert np.median(next(read_video(folder / "a.mp4"))) < 10
    assert "--video" not in run("generate", "--help").output


@pytest.mark.parametrize("kind", ["same", "symlink", "hard link"])
@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("talk.mp4", "generate --image face.png --audio talk.mp4 -o a.npz --draw OUT"),
        ("talk.mp4", "generate --image face.png --audio talk.mp4 -o a.npz --video OUT"),
        ("talk.mp4", "generate --image talk.mp4 --audio speech.wav -o a.npz --draw OUT"),
        ("face.npz", "generate --image face.npz --audio speech.wav -o OUT"),
        ("face.npz", "generate --image face.png --audio speech.wav --driving face.npz -o OUT"),
        ("model.safetensors", "export -o OUT --model model.safetensors"),
        ("talk.mp4", "sync talk.mp4 --apply OUT"),
        ("corpus.json", "sync . -o OUT"),
    ],
)
def test_nothing_that_is_read_is_overwritten(folder, name, command, kind):
    save_keypoints(folder / "face.npz", KeypointSequence(torch.rand(3, 68, 2), image_size=(64, 64)))
    (folder / "corpus.json").write_text("{}")
    before, out = (folder / name).read_bytes(), name
    if kind != "same":
        out = f"link{(folder / name).suffix}"
        (folder / out).symlink_to(name) if kind == "symlink" else os.link(folder / name, folder / out)
    files = sorted(folder.iterdir())
    result = run(*(out if word == "OUT" else word for word in command.split()))
    assert result.exit_code == 1, result.output
    assert "expected another file" in result.stderr
    assert (folder / name).read_bytes() == before
    assert sorted(folder.iterdir()) == files


def test_a_default_output_replaces_nothing(folder):
    (folder / "speech.npz").write_text("mine")
    result = run("generate", "--image", "face.png", "--audio", "speech.wav")
    assert result.exit_code == 1
    assert "expected -o" in result.stderr
    assert (folder / "speech.npz").read_text() == "mine"


def test_the_first_frame_of_a_video_is_the_picture(folder):
    arguments = ("--audio", "speech.wav", "--head-motion", 0, "--blink", 0)
    assert run("generate", "--image", "talk.mp4", "-o", "a.npz", *arguments).exit_code == 0
    assert run("generate", "--image", "face.png", "-o", "b.npz", "--keep-mouth", *arguments).exit_code == 0
    # Its lips may be in the middle of a word, so they are kept, unlike those of a picture.
    a, b = (load_keypoints(folder / f"{name}.npz").keypoints for name in "ab")
    assert (a - b).norm(dim=-1).max() < 2.0


@pytest.mark.parametrize("command", ["generate", "stream", "sync", "web"])
def test_commands_have_the_same_options(command):
    said = run(command, "--help").output
    assert "--device" in said
    assert "--model" in said
    assert "--weights" not in said


def test_the_version_is_printed():
    said = run("--version")
    assert said.exit_code == 0
    assert said.output.startswith("a2k-nets ")
