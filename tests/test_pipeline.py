"""The examples, run as a user runs them."""

import csv
import hashlib
import importlib.util
import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from kp_io import KeypointSequence, load_keypoints, probe_video, read_audio, read_image, read_video


def run(root: Path, cwd: Path, *arguments: object) -> str:
    """Run the pipeline from an empty folder, warnings shown; return what it says."""
    done = subprocess.run(
        [sys.executable, str(root / "examples" / "full_pipeline.py"), *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_output(out: Path, names: set[str]) -> KeypointSequence:
    """Check what every run leaves, and return its keypoints."""
    assert {path.name for path in out.iterdir()} == names
    sequence = load_keypoints(out / "keypoints.npz")
    table = load_keypoints(out / "keypoints.csv")
    assert torch.allclose(table.keypoints, sequence.keypoints, atol=1e-2)
    assert (table.fps, table.image_size) == (sequence.fps, sequence.image_size)
    info = probe_video(out / "keypoints.mp4")
    assert info.has_audio
    assert info.fps == pytest.approx(25)
    frames = list(read_video(out / "keypoints.mp4"))
    assert len(frames) == len(sequence)
    assert any((frame != frames[0]).any() for frame in frames)
    sound = read_audio(out / "keypoints.mp4")
    assert len(sound) / 16_000 == pytest.approx(sequence.duration_seconds, abs=0.2)
    assert float(sound.abs().max()) > 0.05
    speaking = list(read_video(out / "portrait.mp4"))
    assert len(speaking) == len(sequence)
    assert probe_video(out / "portrait.mp4").has_audio
    # Three columns: the picture is still, the portrait that speaks is not.
    third = speaking[0].shape[1] // 3
    still, moving = (np.stack([f[60:, k * third + 8 : (k + 1) * third - 8] for f in speaking[::5]]) for k in (0, 1))
    assert still.astype(float).std(axis=0).mean() < 2 < moving.astype(float).std(axis=0).mean()
    strip = read_image(out / "frames.png")
    assert strip.shape[1] > strip.shape[0]
    assert np.unique(strip.reshape(-1, 3), axis=0).shape[0] > 100
    return sequence


def test_the_demo(root, tmp_path):
    said = run(root, tmp_path)
    out = tmp_path / "out"
    sequence = check_output(out, {"portrait.mp4", "keypoints.npz", "keypoints.csv", "keypoints.mp4", "frames.png"})
    with wave.open(str(root / "examples" / "assets" / "sense_and_sensibility_0870.wav")) as sound:
        duration = sound.getnframes() / sound.getframerate()
    assert len(sequence) == round(duration * 25)
    assert sequence.image_size == (512, 512)
    for name in ("portrait.mp4", "keypoints.npz", "keypoints.csv", "keypoints.mp4", "frames.png"):
        assert name in said
    # A mouth that speaks, in a face that stays a face.
    opening = (sequence.keypoints[:, 62] - sequence.keypoints[:, 66]).norm(dim=-1)
    eyes = (sequence.keypoints[:, 36] - sequence.keypoints[:, 45]).norm(dim=-1)
    assert float((opening / eyes).std()) > 0.01
    assert float(eyes.max() / eyes.min()) < 1.5
    height, width = sequence.image_size
    assert bool(((sequence.keypoints > 0) & (sequence.keypoints < torch.tensor([width, height]))).all())


@pytest.mark.corpus
def test_the_whole_circle_on_a_video(root, shared, tmp_path):
    with (shared / "corpus" / "manifest.csv").open(newline="", encoding="utf-8") as file:
        shortest = min(csv.DictReader(file), key=lambda row: float(row["seconds"]))
    said = run(root, tmp_path, "--video", shared / "corpus" / shortest["file"], "--out", tmp_path / "new" / "out")
    out = tmp_path / "new" / "out"
    names = {path.name for path in out.iterdir()}
    assert {"truth.npz", "table.md"} <= names
    sequence = check_output(out, names)
    truth = load_keypoints(out / "truth.npz")
    assert len(sequence) == len(truth)
    assert len(truth) == pytest.approx(float(shortest["seconds"]) * 25, abs=3)
    scores = (out / "table.md").read_text(encoding="utf-8")
    # Five columns, each with a line that says what is good.
    assert scores.splitlines()[0].count("|") == 7
    assert scores.count("\n- ") == 5
    for row in ("mean face", "hold reference", "shuffled audio", "model", "ground truth"):
        assert f"| {row} |" in scores
        assert f"| {row} |" in said


class TestWhatFails:
    @pytest.fixture
    def invoke(self, root):
        """Run the pipeline within this process."""
        spec = importlib.util.spec_from_file_location("full_pipeline", root / "examples" / "full_pipeline.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        app = typer.Typer()
        app.command()(module.main)
        yield lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])
        del sys.modules[spec.name]

    def test_nothing_that_is_read_is_overwritten(self, invoke, tmp_path):
        footage = tmp_path / "keypoints.mp4"
        footage.write_bytes(b"footage")
        result = invoke("--video", footage, "-o", tmp_path)
        assert result.exit_code == 1
        assert "choose another name" in result.stderr
        assert footage.read_bytes() == b"footage"

    def test_training_clips_are_known_by_their_content(self, invoke, tmp_path, monkeypatch):
        module = sys.modules["full_pipeline"]
        digests = module.TRAINING_CLIPS.read_text(encoding="utf-8").split()
        assert len(digests) == len(set(digests)) == 374
        (tmp_path / "talk.mp4").write_bytes(b"a clip")
        assert not module.was_trained_on(tmp_path / "talk.mp4")
        known = tmp_path / "known.txt"
        known.write_text("0011223344556677\n" + hashlib.sha256(b"a clip").hexdigest()[:16] + "\n")
        monkeypatch.setattr(module, "TRAINING_CLIPS", known)
        assert module.was_trained_on(tmp_path / "talk.mp4")

    @pytest.mark.parametrize(
        "arguments",
        [("--video", "talk.mp4", "--audio", "talk.wav"), ("--audio", "talk.wav", "--text", "Hello"), ("--seed", "one")],
    )
    def test_usage(self, invoke, arguments, tmp_path):
        assert invoke(*arguments, "--out", tmp_path / "out").exit_code == 2
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("option", ["--image", "--audio", "--video"])
    @pytest.mark.parametrize("content", [None, b"", b"Dear reader, this is a letter.\n"])
    def test_files_that_are_none(self, invoke, option, content, tmp_path):
        path = tmp_path / "given.dat"
        if content is not None:
            path.write_bytes(content)
        result = invoke(option, path, "--out", tmp_path / "out")
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit)
        assert len(result.stderr.strip().splitlines()) == 1
        assert result.stderr.startswith("error: ")
        assert "given.dat" in result.stderr
        assert not (tmp_path / "out").exists()


def test_a_corpus_without_a_table(root, tmp_path):
    program = root / "examples" / "train_from_corpus.py"
    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path), str(tmp_path / "runs")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == f"error: expected a table of videos, found no {tmp_path / 'manifest.csv'}"
    assert not (tmp_path / "runs").exists()
