"""`kp-io annotate --split-gaps`: a file for each piece between the gaps."""

import pytest
import torch
from corpus_stand_in import NO_FACE, StandIn
from typer.testing import CliRunner

from kp_io import load_keypoints, read_audio, write_audio, write_video
from kp_io.annotation.jobs import Job
from kp_io.annotation.split_jobs import write_segments
from kp_io.cli.app import app
from kp_io.formats.registry import save_keypoints
from kp_io.keypoints.sequence import KeypointSequence


def sequence(*, lost: range, frames: int = 60) -> KeypointSequence:
    points = torch.arange(float(frames))[:, None, None].expand(frames, 68, 2).clone()
    scores = torch.ones(frames, 68)
    scores[list(lost)] = 0
    return KeypointSequence(points, scores, 25.0, image_size=(100, 100))


@pytest.mark.parametrize("name", ["talk.npz", "talk.2020.npz", "talk.frames.json"])
def test_pieces_and_their_sound(tmp_path, name):
    job = Job(tmp_path / "talk.mp4", tmp_path / name, tmp_path / "talk.wav")
    save_keypoints(job.target, sequence(lost=range(20, 40)))
    write_audio(job.wav, torch.linspace(-0.5, 0.5, 60 * 640))
    assert write_segments(job, max_gap_seconds=0.4) == 2
    stem = name.removesuffix(".npz").removesuffix(".frames.json")
    suffix = name.removeprefix(stem)
    pieces = [load_keypoints(tmp_path / f"{stem}.{i}{suffix}") for i in range(2)]
    assert [len(piece) for piece in pieces] == [20, 20]
    assert float(pieces[1].keypoints[0, 0, 0]) == 40
    sounds = [read_audio(tmp_path / f"{stem}.{i}.wav") for i in range(2)]
    assert [len(sound) for sound in sounds] == [20 * 640] * 2
    assert float(sounds[1][0]) == pytest.approx(-0.5 + 40 / 60, abs=1e-3)


def test_a_short_gap_makes_no_piece(tmp_path):
    job = Job(tmp_path / "talk.mp4", tmp_path / "talk.npz")
    save_keypoints(job.target, sequence(lost=range(20, 25)))
    assert write_segments(job, max_gap_seconds=0.4) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["talk.npz"]


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr("kp_io.annotation.jobs._detector", lambda make: StandIn())
    grey = torch.full((64, 64, 3), 128, dtype=torch.uint8).numpy()
    nobody = torch.tensor(NO_FACE, dtype=torch.uint8).expand(64, 64, 3).numpy()
    write_video(tmp_path / "film.mp4", [grey] * 20 + [nobody] * 20 + [grey] * 20, fps=25.0)
    arguments = ["annotate", str(tmp_path / "film.mp4"), "-o", str(tmp_path / "out"), "--split-gaps"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    lengths = {path.name: len(load_keypoints(path)) for path in (tmp_path / "out").iterdir()}
    assert lengths == {"film.npz": 60, "film.0.npz": 20, "film.1.npz": 20}


@pytest.mark.parametrize("taken", ["talk.1.npz", "talk.0.wav"])
def test_a_segment_never_replaces_an_input_or_another_result(tmp_path, taken):
    job = Job(tmp_path / "talk.mp4", tmp_path / "talk.npz", tmp_path / "talk.wav")
    save_keypoints(job.target, sequence(lost=range(20, 40)))
    write_audio(job.wav, torch.zeros(60 * 640))
    (tmp_path / taken).write_bytes(b"precious")
    with pytest.raises(ValueError, match=f"another file to write.*{taken}"):
        write_segments(job, max_gap_seconds=0.4, keep=[tmp_path / taken])
    assert (tmp_path / taken).read_bytes() == b"precious"
    assert {path.name for path in tmp_path.iterdir()} == {"talk.npz", "talk.wav", taken}


def test_the_command_keeps_the_result_of_another_video(tmp_path, monkeypatch):
    monkeypatch.setattr("kp_io.annotation.jobs._detector", lambda make: StandIn())
    grey = torch.full((64, 64, 3), 128, dtype=torch.uint8).numpy()
    nobody = torch.tensor(NO_FACE, dtype=torch.uint8).expand(64, 64, 3).numpy()
    write_video(tmp_path / "film.mp4", [grey] * 20 + [nobody] * 20 + [grey] * 20, fps=25.0)
    write_video(tmp_path / "film.0.mp4", [grey] * 7, fps=25.0)
    write_video(tmp_path / "other.mp4", [grey] * 20 + [nobody] * 20 + [grey] * 9, fps=25.0)
    result = CliRunner().invoke(app, ["annotate", str(tmp_path), "-o", str(tmp_path / "out"), "--split-gaps"])
    assert result.exit_code == 1
    assert "3 files" in result.output
    assert "film.mp4: expected another file to write" in result.output
    lengths = {path.name: len(load_keypoints(path)) for path in (tmp_path / "out").iterdir()}
    assert lengths == {"film.npz": 60, "film.0.npz": 7, "other.npz": 49, "other.0.npz": 20, "other.1.npz": 9}
