import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import kp_io
from kp_io import KeypointSequence, load_keypoints, probe_video, read_audio, read_image, save_keypoints
from kp_io.cli.app import app
from kp_io.detectors.precomputed_source import PrecomputedPoints

runner = CliRunner()


@pytest.fixture
def keypoint_file(tmp_path, sequence) -> Path:
    save_keypoints(tmp_path / "talk.npz", sequence)
    return tmp_path / "talk.npz"


def assert_one_clear_error(result, *words):
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.output
    for word in words:
        assert word in result.stderr


@pytest.fixture
def stand_in(monkeypatch, sequence):
    """Annotate without a detector: real reading and writing, drawn keypoints, and no face in files called so."""
    from kp_io.annotation import jobs as batch

    calls = []

    def annotate_image(path, *, detector, face):
        calls.append(Path(path).name)
        read_image(path)
        return sequence.frames(0, 1)

    def annotate_video(path, *, detector, fps, face, track, on_frame):
        calls.append(Path(path).name)
        if "noface" in Path(path).name:
            raise kp_io.NoFaceFoundError(f"no face was found in {path}")
        count = 0
        for count, _ in enumerate(kp_io.read_video(path, fps=fps), start=1):
            if on_frame is not None:
                on_frame(count)
        points = sequence.keypoints[:1].repeat(count, 1, 1)
        return KeypointSequence(points, fps=fps, image_size=(256, 256), detector=f"face {face}")

    monkeypatch.setattr(batch, "annotate_image", annotate_image)
    monkeypatch.setattr(batch, "annotate_video", annotate_video)
    monkeypatch.setattr(batch, "_detector", lambda make: PrecomputedPoints())
    return calls


@pytest.fixture
def folder(tmp_path, make_video) -> Path:
    """Three good inputs in a tree, and three bad ones."""
    sound = 0.1 * np.ones(24000)
    for name in ("good.mp4", "long name ü.mkv", "noface.mp4", "mute.mp4"):
        make_video(name, num_frames=25, audio=None if name == "mute.mp4" else sound)
    kp_io.write_image(tmp_path / "face.png", np.full((64, 64, 3), 99, np.uint8))
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "notes.txt").write_text("not an input")
    tree = tmp_path / "videos" / "deeper"
    tree.mkdir(parents=True)
    for file in list(tmp_path.iterdir()):
        if file.is_file():
            file.rename((tree if file.name == "good.mp4" else tree.parent) / file.name)
    return tree.parent


def test_help_starts_quickly_and_names_the_commands():
    started = time.monotonic()
    command = [sys.executable, "-X", "importtime", "-m", "typer", "kp_io.cli.app", "run", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert time.monotonic() - started < 10  # a loaded machine; what is imported decides
    for name in ("annotate", "render", "info"):
        assert name in result.stdout
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "kp_io" in imported
    assert not imported & {"torch", "cv2", "av", "numpy", "PIL", "rich.progress"}


def test_annotate_one_video(tmp_path, make_video, stand_in):
    video = make_video("talk.mp4", fps=50, num_frames=60, audio=np.zeros(40000))
    out = tmp_path / "new folder" / "talk.npz"
    result = runner.invoke(app, ["annotate", str(video), "-o", str(out), "--wav", "--fps", "30", "--face", "1"])
    assert result.exit_code == 0, result.output
    assert str(out) in result.stdout
    got = load_keypoints(out)
    assert (len(got), got.fps, got.detector) == (36, 30.0, "face 1")
    assert len(read_audio(out.with_suffix(".wav"))) == 36 * 16000 // 30
    # The named output of a single input is always written anew.
    assert runner.invoke(app, ["annotate", str(video), "-o", str(out)]).exit_code == 0
    assert load_keypoints(out).fps == 25


@pytest.mark.parametrize("batch_size", [1, 16])
def test_the_bar_of_one_video_has_a_total(tmp_path, make_video, batch_size):
    from rich.progress import Progress

    from kp_io.annotation.jobs import Job
    from kp_io.cli.annotate import _Report

    job = Job(make_video("talk.mp4", num_frames=50), tmp_path / "talk.npz")
    with Progress(disable=True) as progress:
        report = _Report(progress, [job], fps=25.0)
        for num_done in range(batch_size, 50 + batch_size, batch_size):
            report.on_frame(job, min(50, num_done))
        [task] = progress.tasks
        assert (task.total, task.completed) == (50, 50)


def test_annotate_a_folder_goes_on_past_broken_inputs_and_resumes(tmp_path, folder, stand_in):
    out = tmp_path / "out"
    result = runner.invoke(app, ["annotate", str(folder), "-o", str(out), "--wav"])
    assert result.exit_code == 1
    made = {str(file.relative_to(out)) for file in out.rglob("*") if file.is_file()}
    assert made == {"deeper/good.npz", "deeper/good.wav", "long name ü.npz", "long name ü.wav", "face.npz"}
    assert "3 files, 51 frames, 3 failed" in result.stdout
    errors = sorted(result.stderr.splitlines())
    assert len(errors) == 3
    for error, (name, reason) in zip(
        errors, [("broken", "that can be read"), ("mute", "audio stream"), ("noface", "no face")], strict=True
    ):
        assert error.startswith("error: ")
        assert name in error
        assert reason in error

    stand_in.clear()
    (out / "deeper" / "good.wav").unlink()  # as if it had been stopped there
    result = runner.invoke(app, ["annotate", str(folder), "-o", str(out), "--wav"])
    assert "2 were there already" in result.stdout
    assert "good.mp4" in stand_in
    assert "face.png" not in stand_in

    stand_in.clear()
    runner.invoke(app, ["annotate", str(folder), "-o", str(out), "--overwrite"])
    assert {"good.mp4", "face.png"} <= set(stand_in)


def test_workers_are_processes_and_report_like_one(tmp_path, folder):
    """Real processes and no stand-in: with inputs that fail before any point is needed."""
    for file in folder.rglob("*.*"):
        if file.name != "broken.mp4":
            file.unlink()
    (folder / "empty.mp4").touch()
    options = ["--wav", "--workers", "2", "--detector", "precomputed"]
    result = runner.invoke(app, ["annotate", str(folder), "-o", str(tmp_path / "out"), *options])
    assert result.exit_code == 1
    assert "0 files, 0 frames, 2 failed" in result.stdout
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["error", "error"]


def test_annotate_errors(tmp_path, folder, stand_in):
    def annotate(*arguments):
        return runner.invoke(app, ["annotate", *map(str, arguments)])

    assert_one_clear_error(annotate(folder / "broken.mp4", "-o", tmp_path / "a.npz"), "expected a video", "broken.mp4")
    assert_one_clear_error(annotate(folder / "noface.mp4", "-o", tmp_path / "a.npz"), "no face")
    assert_one_clear_error(annotate(folder / "mute.mp4", "-o", tmp_path / "a.npz", "--wav"), "audio stream")
    assert_one_clear_error(annotate(tmp_path / "nothing.mp4", "-o", tmp_path / "a.npz"), "found nothing at")
    assert_one_clear_error(annotate(folder, "-o", tmp_path / "a.npz"), "expected a folder")
    (tmp_path / "bare").mkdir()
    assert_one_clear_error(annotate(tmp_path / "bare", "-o", tmp_path / "out"), "found none in")
    good = folder / "deeper" / "good.mp4"
    assert_one_clear_error(annotate(good, good, "-o", tmp_path / "out"), "different names")
    assert_one_clear_error(annotate(good, "-o", folder / "broken.mp4" / "a.npz"), "cannot write")
    assert not (tmp_path / "a.npz").exists()
    assert_one_clear_error(annotate(good, good), "expected -o")
    assert annotate(good, "-o", tmp_path / "a.npz", "--workers", "0").exit_code == 2


def test_render_a_video_with_sound(tmp_path, keypoint_file):
    kp_io.write_audio(tmp_path / "talk.wav", torch.full((9000,), 0.1))
    out = tmp_path / "new" / "talk.mp4"
    result = runner.invoke(app, ["render", str(keypoint_file), "-o", str(out), "--audio", str(tmp_path / "talk.wav")])
    assert result.exit_code == 0, result.output
    assert str(out) in result.stdout
    info = probe_video(out)
    assert (info.width, info.height, info.fps, info.num_frames(25), info.has_audio) == (512, 512, 25.0, 10, True)
    frame = next(kp_io.read_video(out))
    assert frame.max() > 200
    assert np.median(frame) < 10


def test_render_over_a_picture_and_a_video(tmp_path, keypoint_file, make_video):
    kp_io.write_image(tmp_path / "photo.png", np.full((128, 128, 3), 120, np.uint8))
    clip = make_video("clip.mp4", size=(128, 128), num_frames=10)
    for ground, height in (("photo.png", 300), (clip.name, 256)):
        arguments = ["render", keypoint_file, "-o", tmp_path / "over.mp4", "--over", tmp_path / ground]
        result = runner.invoke(app, [*map(str, arguments), "--height", str(height)])
        assert result.exit_code == 0, result.output
        assert probe_video(tmp_path / "over.mp4").height == height
        frame = next(kp_io.read_video(tmp_path / "over.mp4"))
        if ground == "photo.png":
            assert abs(int(np.median(frame)) - 120) < 6


def test_render_a_strip_and_a_zoomed_still(tmp_path, keypoint_file, sequence):
    result = runner.invoke(app, ["render", str(keypoint_file), "-o", str(tmp_path / "strip.png")])
    assert result.exit_code == 0, result.output
    strip = read_image(tmp_path / "strip.png")
    assert strip.shape[1] == pytest.approx(2 * strip.shape[0], rel=0.01)
    save_keypoints(tmp_path / "still.csv", sequence.frames(0, 1))
    result = runner.invoke(app, ["render", str(tmp_path / "still.csv"), "-o", str(tmp_path / "a.png"), "--zoom"])
    assert result.exit_code == 0, result.output
    assert read_image(tmp_path / "a.png").shape == (512, 512, 3)


def test_render_errors(tmp_path, keypoint_file, make_video):
    def render(*arguments):
        return runner.invoke(app, ["render", *map(str, arguments)])

    assert_one_clear_error(render(tmp_path / "none.npz", "-o", tmp_path / "a.mp4"), "found no file")
    assert_one_clear_error(render(keypoint_file, "-o", tmp_path / "a.webm"), ".mp4")
    mute = make_video("mute.mp4", num_frames=3)
    assert_one_clear_error(render(keypoint_file, "-o", tmp_path / "a.mp4", "--audio", mute), "audio stream")
    assert_one_clear_error(render(keypoint_file, "-o", tmp_path / "a.mp4", "--over", mute), "proportions")
    assert not (tmp_path / "a.mp4").exists()
    silent = render(keypoint_file, "-o", tmp_path / "a.gif", "--audio", tmp_path / "talk.wav")
    assert_one_clear_error(silent, "cannot hold sound")
    # Without -o the video lies beside the keypoints, but replaces nothing.
    assert render(keypoint_file).exit_code == 0
    video = keypoint_file.with_suffix(".mp4")
    before = video.read_bytes()
    assert_one_clear_error(render(keypoint_file), "expected -o", "exists already")
    assert video.read_bytes() == before


def test_info(keypoint_file):
    result = runner.invoke(app, ["info", str(keypoint_file)])
    assert result.exit_code == 0
    assert "drawn by hand" in result.stdout
    result = runner.invoke(app, ["info", "--json", str(keypoint_file)])
    facts = json.loads(result.stdout)
    assert facts["frames"] == 10
    assert facts["interpolated_frames"] == 2
    assert facts["duration_seconds"] == pytest.approx(0.4)
    assert (facts["image_height"], facts["image_width"]) == (256, 256)
    broken = keypoint_file.with_name("broken.npz")
    broken.write_bytes(keypoint_file.read_bytes()[:500])
    assert_one_clear_error(runner.invoke(app, ["info", str(broken)]), "broken.npz", "cut off")


def test_public_names_are_there_and_documented():
    for name in kp_io.__all__:
        assert getattr(kp_io, name) is not None
    assert set(kp_io.__all__) <= set(dir(kp_io))
    with pytest.raises(AttributeError, match="No kp_io attribute nonsense"):
        _ = kp_io.nonsense


@pytest.mark.corpus
def test_a_real_clip_from_video_to_video(corpus, tmp_path):
    pytest.importorskip("dlib", reason="needs the extra kp-io[dlib]")
    clip = min(corpus.glob("*.mp4"), key=lambda path: path.stat().st_size)
    result = runner.invoke(app, ["annotate", str(clip), "-o", str(tmp_path / "a.npz"), "--wav"])
    assert result.exit_code == 0, result.output
    arguments = ["render", tmp_path / "a.npz", "-o", tmp_path / "a.mp4", "--audio", tmp_path / "a.wav", "--over", clip]
    result = runner.invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    assert probe_video(tmp_path / "a.mp4").num_frames(25) == len(load_keypoints(tmp_path / "a.npz"))
