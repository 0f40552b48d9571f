"""No command writes over a file that it reads, whatever the name by which the file is given."""

import os

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from kp_io import KeypointSequence, save_keypoints, write_audio, write_image, write_video
from kp_io.cli import app
from kp_io.filesystem import refuse_overwriting


@pytest.fixture
def folder(tmp_path):
    face = torch.rand(1, 68, 2, generator=torch.Generator().manual_seed(0)) * 40 + 10
    for suffix in (".npz", ".csv", ".json"):
        save_keypoints(tmp_path / f"points{suffix}", KeypointSequence(face.repeat(5, 1, 1), image_size=(64, 64)))
    black = np.zeros((64, 64, 3), np.uint8)
    write_video(tmp_path / "talk.mp4", [black] * 5, audio=torch.zeros(3200))
    write_image(tmp_path / "photo.gif", black)
    save_keypoints(tmp_path / "talk.npz", KeypointSequence(face.repeat(5, 1, 1), image_size=(64, 64)))
    write_audio(tmp_path / "voice.wav", torch.zeros(3200))
    return tmp_path


def other_name(path, kind):
    """Return the path itself, or another name of the file."""
    if kind == "same":
        return path
    if kind == "dots":
        return path.parent / ".." / path.parent.name / path.name
    link = path.with_name(f"link{path.suffix}")
    link.symlink_to(path) if kind == "symlink" else os.link(path, link)
    return link


COMMANDS = {
    "points.npz": "convert points.npz OUT",
    "points.csv": "convert points.csv -o OUT",
    "talk.mp4": "render points.npz --over talk.mp4 -o OUT",
    "photo.gif": "render points.npz --over photo.gif -o OUT",
    "talk.npz": "annotate talk.mp4 --detector precomputed -o OUT",
    "points.json": "annotate talk.mp4 --detector precomputed --weights points.json -o OUT",
}
MORE = [
    ("talk.mp4", "render points.npz --audio talk.mp4 -o OUT"),
    ("talk.mp4", "compare-video points.npz talk.mp4 -o OUT"),
    ("talk.mp4", "compare-video points.npz --over talk.mp4 -o OUT"),
]


@pytest.mark.parametrize("kind", ["same", "dots", "symlink", "hard link"])
@pytest.mark.parametrize(("name", "command"), [*COMMANDS.items(), *MORE])
def test_commands_refuse_to_write_over_their_inputs(folder, monkeypatch, name, command, kind):
    monkeypatch.chdir(folder)
    before = (folder / name).read_bytes()
    out = other_name(folder / name, kind)
    files = sorted(folder.iterdir())
    result = CliRunner().invoke(app, [str(out) if word == "OUT" else word for word in command.split()])
    assert result.exit_code == 1, result.output
    assert "choose another name" in result.stderr
    assert (folder / name).read_bytes() == before
    assert sorted(folder.iterdir()) == files


def test_a_corpus_is_not_built_into_the_folder_of_its_videos(folder):
    result = CliRunner().invoke(app, ["build", str(folder), str(folder)])
    assert result.exit_code == 1
    assert "new or empty folder" in result.stderr


def test_sound_beside_a_video_is_protected_from_wav(folder, monkeypatch):
    monkeypatch.chdir(folder)
    before = (folder / "talk.mp4").read_bytes()
    (folder / "new.wav").symlink_to("talk.mp4")
    result = CliRunner().invoke(app, ["annotate", "talk.mp4", "-o", "new.npz", "--wav"])
    assert result.exit_code == 1
    assert (folder / "talk.mp4").read_bytes() == before
    assert (folder / "new.wav").is_symlink()


def test_two_outputs_of_one_name_are_refused(tmp_path):
    with pytest.raises(ValueError, match="twice"):
        refuse_overwriting([tmp_path / "a.npz", tmp_path / "b" / ".." / "a.npz"], [])
    refuse_overwriting([tmp_path / "a.npz", tmp_path / "b.npz", None], [tmp_path / "missing", None])
