"""Points that are there already, in place of a detector."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from kp_io import (
    KeypointSequence,
    MissingPointsError,
    PrecomputedSource,
    annotate_image,
    annotate_video,
    load_keypoints,
    make_detector,
    resample_fps,
    save_keypoints,
)
from kp_io.cli.app import app

runner = CliRunner()
SPEECH = (0.3 * np.sin(np.arange(32000) / 9)).astype(np.float32)


@pytest.fixture
def points(face):
    """Two seconds at 50 fps of a face that moves, some of its frames interpolated."""
    steps = torch.arange(100.0)[:, None, None] * torch.tensor([0.5, 0.0])
    scores = torch.full((100, 68), 0.75)
    scores[20:35] = 0
    return KeypointSequence(face + steps, scores, fps=50.0, image_size=(256, 256), detector="drawn-1")


@pytest.fixture
def videos(tmp_path, make_video):
    """Two speakers with a video of the same name, of two seconds."""
    made = make_video("made.mkv", num_frames=50, size=(256, 256), audio=SPEECH)
    for speaker in ("anna", "bela"):
        (tmp_path / "videos" / speaker).mkdir(parents=True)
        shutil.copy(made, tmp_path / "videos" / speaker / "talk.mkv")
    made.unlink()
    return tmp_path / "videos"


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".openface.csv", ".json", ".frames.json"])
def test_any_format_at_any_rate_keeps_its_scores(videos, tmp_path, points, suffix):
    save_keypoints(tmp_path / "points" / f"talk{suffix}", points)
    source = make_detector("precomputed", weights=tmp_path / "points")
    assert isinstance(source, PrecomputedSource)
    got = annotate_video(videos / "anna" / "talk.mkv", detector=source, fps=25.0)
    kept = load_keypoints(tmp_path / "points" / f"talk{suffix}", image_size=(256, 256))
    asked = resample_fps(kept, 25.0)
    assert (len(got), got.fps, got.image_size) == (50, 25.0, (256, 256))
    assert torch.equal(got.keypoints, asked.keypoints)
    assert torch.equal(got.scores, asked.scores)
    assert float(got.scores.max()) <= 1
    assert got.detector == f"precomputed({kept.detector})"


def test_the_path_is_followed_as_far_as_the_folder_repeats_it(videos, tmp_path, points):
    folder = tmp_path / "points"
    for name in ("points/talk.npz", "points/anna/talk.csv", "points/videos/anna/talk.json"):
        save_keypoints(tmp_path / name, replace(points, detector=name) if name.endswith("npz") else points)
    source = make_detector("precomputed", weights=folder)
    assert source.keypoints_of(videos / "bela" / "talk.mkv", fps=50.0).detector == "precomputed(points/talk.npz)"
    assert len(source.keypoints_of(videos / "anna" / "talk.mkv", fps=50.0)) == 100
    (folder / "talk.npz").write_text("damaged")
    (folder / "anna" / "talk.csv").write_text("damaged")
    assert len(source.keypoints_of(videos / "anna" / "talk.mkv", fps=50.0)) == 100, "the longest path counts"
    with pytest.raises(ValueError, match=r"talk\.npz") as caught:
        source.keypoints_of(videos / "bela" / "talk.mkv", fps=50.0)
    assert str(folder) not in str(caught.value)


def test_beside_the_video_and_in_one_file(videos, tmp_path, points):
    video = videos / "anna" / "talk.mkv"
    with pytest.raises(MissingPointsError, match=r"talk\.mkv, found no talk\{\.npz,\.csv.*beside it"):
        annotate_video(video, detector=make_detector("precomputed"))
    save_keypoints(video.with_suffix(".npz"), points)
    assert len(annotate_video(video, detector=make_detector("precomputed"), fps=30.0)) == 60
    save_keypoints(tmp_path / "any name.npz", points.frames(0, 99))
    one = make_detector("precomputed", weights=tmp_path / "any name.npz")
    assert len(annotate_video(video, detector=one, fps=50.0)) == 99


def test_points_of_another_video_are_told_by_their_length(videos, points, make_video):
    video = videos / "anna" / "talk.mkv"
    save_keypoints(video.with_suffix(".npz"), points.frames(0, 60))
    with pytest.raises(ValueError, match=r"as long as the video, 2\.00 s, got 1\.20 s.*another video"):
        annotate_video(video, detector=make_detector("precomputed"))


def test_what_needs_pixels_or_several_faces_is_refused(videos, points, face):
    source = make_detector("precomputed")
    with pytest.raises(ValueError, match="precomputed, which knows videos only"):
        annotate_image(np.zeros((64, 64, 3), np.uint8), detector=source)
    with pytest.raises(ValueError, match="face 0, the only one"):
        annotate_video(videos / "anna" / "talk.mkv", detector=source, face=1)


def test_points_of_points_name_their_detector_once(videos, tmp_path, points):
    video = videos / "anna" / "talk.mkv"
    save_keypoints(video.with_suffix(".npz"), points)
    source = make_detector("precomputed")
    save_keypoints(video.with_suffix(".npz"), annotate_video(video, detector=source, fps=50.0))
    assert annotate_video(video, detector=source).detector == "precomputed(drawn-1)"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_annotate_goes_on_past_videos_without_points(videos, tmp_path, points, workers):
    save_keypoints(tmp_path / "points" / "bela" / "talk.npz", points)
    options = ["--detector", "precomputed", "--weights", str(tmp_path / "points"), "--wav", "--workers", workers]
    result = runner.invoke(app, ["annotate", str(videos), "-o", str(tmp_path / "out"), *options])
    assert result.exit_code == 1
    assert "1 file, 50 frames, 1 failed" in result.stdout
    assert result.stderr.count("\n") == 1
    assert "expected precomputed keypoints for" in result.stderr
    assert len(load_keypoints(tmp_path / "out" / "bela" / "talk.npz")) == 50
    assert (tmp_path / "out" / "bela" / "talk.wav").is_file()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_build_takes_them_and_lists_what_has_none(videos, tmp_path, points, workers):
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra kp-io[build]")
    from kp_io import read_clips

    for name in ("bela/damaged", "bela/other", "anna/talk"):
        shutil.copy(videos / "anna" / "talk.mkv", videos / f"{name}2.mkv")
    save_keypoints(tmp_path / "points" / "bela" / "talk.npz", points)
    save_keypoints(tmp_path / "points" / "bela" / "other2.csv", points.frames(0, 30))
    (tmp_path / "points" / "bela" / "damaged2.json").write_text("{")
    options = ["--detector", "precomputed", "--weights", str(tmp_path / "points"), "--max-interpolated", "0.5"]
    command = ["build", str(videos), str(tmp_path / "out"), *options, "--workers", workers, "--val", "0", "--test", "0"]
    dry = runner.invoke(app, [*command, "--dry-run"])
    assert dry.exit_code == 0, dry.output
    assert "frames/s measured" in dry.stdout
    result = runner.invoke(app, command)
    assert result.exit_code == 0, result.output
    [clip] = read_clips(tmp_path / "out")
    assert clip.sequence.detector == "precomputed(drawn-1)"
    assert torch.equal(clip.sequence.scores, resample_fps(points, 25.0).scores)
    failures = parquet.read_table(tmp_path / "out" / "failures.parquet").to_pylist()
    kinds = {failure["source"]: failure["kind"] for failure in failures}
    assert kinds == {
        "anna/talk.mkv": "unmeasured",
        "anna/talk2.mkv": "unmeasured",
        "bela/damaged2.mkv": "broken",
        "bela/other2.mkv": "broken",
    }
    assert not any(str(tmp_path) in failure["reason"] for failure in failures)
