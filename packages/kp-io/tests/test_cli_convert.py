"""The commands convert and compare-video, and smoothing while annotating."""

import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import kp_io
from kp_io import KeypointSequence, load_keypoints, probe_video, read_image, save_keypoints, smooth
from kp_io.cli.app import app
from kp_io.detectors.precomputed_source import PrecomputedPoints

runner = CliRunner()


@pytest.fixture
def folder(tmp_path, sequence):
    """Three systems: of 10 frames, of 25 at 50 fps in another size, and a still."""
    save_keypoints(tmp_path / "ours.npz", sequence)
    points = sequence.keypoints[:1].repeat(25, 1, 1) * 0.5
    save_keypoints(tmp_path / "theirs.csv", KeypointSequence(points, fps=50.0, image_size=(128, 200)))
    save_keypoints(tmp_path / "still.npz", sequence.frames(0, 1))
    return tmp_path


def run(*arguments):
    return runner.invoke(app, list(map(str, arguments)))


def assert_one_clear_error(result, *words):
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr


@pytest.mark.parametrize("suffix", [".csv", ".json", ".frames.json", ".openface.csv"])
def test_convert_there_and_back(folder, sequence, suffix):
    result = run("convert", folder / "ours.npz", folder / "new" / f"a{suffix}")
    assert result.exit_code == 0, result.output
    assert "10 frames" in result.stdout
    assert run("convert", folder / "new" / f"a{suffix}", folder / "back.npz").exit_code == 0
    back = load_keypoints(folder / "back.npz")
    torch.testing.assert_close(back.keypoints, sequence.keypoints)
    assert (back.fps, back.image_size, back.detector) == (25.0, (256, 256), "drawn by hand")


def test_convert_options(folder, sequence):
    assert run("convert", folder / "ours.npz", folder / "a.pts", "--frame", 3).exit_code == 0
    assert run("convert", folder / "a.pts", folder / "b.npz", "--size", "640x480").exit_code == 0
    still = load_keypoints(folder / "b.npz")
    torch.testing.assert_close(still.keypoints[0], sequence.keypoints[3])
    assert still.image_size == (480, 640)
    assert run("convert", folder / "ours.npz", folder / "c.npz", "--fps", 50).exit_code == 0
    assert (len(load_keypoints(folder / "c.npz")), load_keypoints(folder / "c.npz").fps) == (20, 50.0)
    assert run("convert", folder / "ours.npz", folder / "d.json", "--variant", "frames").exit_code == 0
    assert len(json.loads((folder / "d.json").read_text())["frames"]) == 10
    assert run("convert", folder / "ours.npz", folder / "e.json").exit_code == 0
    assert run("convert", folder / "e.json", folder / "f.npz", "--image", "000004.png", "--one-based").exit_code == 0
    torch.testing.assert_close(load_keypoints(folder / "f.npz").keypoints[0], sequence.keypoints[4] - 1)


def test_convert_errors(folder):
    ours = folder / "ours.npz"
    assert_one_clear_error(run("convert", ours, folder / "a.pts"), "one frame", "--frame")
    assert_one_clear_error(run("convert", ours, folder / "a.pts", "--frame", 10), "from 0 to 9")
    assert_one_clear_error(run("convert", ours, folder / "a.txt"), ".npz, .csv, .json or .pts")
    assert_one_clear_error(run("convert", folder / "none.npz", folder / "a.csv"), "found no file")
    assert_one_clear_error(run("convert", ours, folder / "a.csv", "--size", "big"), "640x480")
    assert_one_clear_error(run("convert", ours, folder / "a.csv", "--image", "x"), "COCO")
    assert {path.name for path in folder.iterdir()} == {"ours.npz", "theirs.csv", "still.npz"}


def test_compare_as_a_video(folder, make_video):
    sound = folder / "a.wav"
    kp_io.write_audio(sound, torch.full((9000,), 0.1))
    other = make_video("other system.mp4", num_frames=30, fps=30.0)
    files = [folder / name for name in ("ours.npz", "theirs.csv", "still.npz")]
    out = folder / "new" / "all.mp4"
    result = run("compare-video", *files, other, "-o", out, "--audio", sound, "--height", 128)
    assert result.exit_code == 0, result.output
    info = probe_video(out)
    assert (info.fps, info.num_frames(25), info.has_audio) == (25.0, 25, True)  # a second of the other system
    label = 20
    assert info.height == 128 + label
    assert info.width == pytest.approx(128 + 200 + 128 + 64 / 48 * 128 + 3 * 2, abs=2)
    first, *_, last = kp_io.read_video(out)
    drawn = np.abs(first.astype(int) - last).max(axis=2)[label:] > 60
    assert drawn[:, :128].any()  # ours moves
    assert not drawn[:, 131 + 200 : 131 + 200 + 128].any()  # the still does not


def test_compare_as_a_picture_with_a_row_for_each(folder):
    out = folder / "all.png"
    names = ("ours.npz", "theirs.csv", "still.npz")
    files = [folder / name for name in names]
    result = run("compare-video", *files, "-o", out, "--labels", "Ours, Theirs, Still", "--columns", 4, "--zoom")
    assert result.exit_code == 0, result.output
    sheet = read_image(out)
    gap, label = 2, 192
    assert sheet.shape == (3 * 160 + 2 * gap, label + 4 * (160 + gap), 3)
    # Stills and theirs stay as they are from column to column, ours moves; every row has a name and four faces.
    rows = [sheet[row * 162 : row * 162 + 160] for row in range(3)]
    for number, row in enumerate(rows):
        assert (row[:, :label].max(axis=2) > 128).any()
        cells = [row[:, label + gap + i * 162 :][:, :160] for i in range(4)]
        assert all((cell.max(axis=2) > 128).any() for cell in cells)
        assert (np.abs(cells[0].astype(int) - cells[3]).max() > 60) == (number == 0)


def test_compare_over_a_video(folder, make_video):
    video = make_video(
        "real.mp4", size=(128, 128), pictures=[np.full((128, 128, 3), 40 * i, np.uint8) for i in range(6)]
    )
    result = run("compare-video", folder / "ours.npz", "-o", folder / "a.png", "--over", video, "--columns", 2)
    assert result.exit_code == 0, result.output
    sheet = read_image(folder / "a.png")
    assert [round(int(sheet[2, x, 0]) / 40) for x in (200, 370)] == [0, 5]
    picture = folder / "photo.png"
    kp_io.write_image(picture, np.full((64, 64, 3), 90, np.uint8))
    assert run("compare-video", folder / "ours.npz", "-o", folder / "a.png", "--over", picture).exit_code == 0
    assert read_image(folder / "a.png")[2, 200, 0] == 90


def test_compare_errors(folder):
    ours = folder / "ours.npz"
    out = folder / "a.mp4"
    assert_one_clear_error(run("compare-video", ours, ours, "-o", out, "--labels", "one"), "a label for each of 2")
    assert_one_clear_error(run("compare-video", folder / "none.npz", "-o", out), "found no file")
    assert_one_clear_error(run("compare-video", folder / "none.mp4", "-o", out), "none.mp4")
    assert_one_clear_error(run("compare-video", ours, "-o", folder / "a.txt"), ".mp4")
    assert run("compare-video", "-o", out).exit_code == 2
    assert not out.exists()


def test_render_on_white(folder):
    assert run("render", folder / "ours.npz", "-o", folder / "a.png", "--white").exit_code == 0
    assert np.median(read_image(folder / "a.png")) == 255


@pytest.mark.parametrize("method", ["savitzky-golay", "one-euro"])
def test_annotate_smooths_when_asked_and_leaves_nothing_behind(tmp_path, make_video, monkeypatch, sequence, method):
    from kp_io.annotation import jobs as batch

    noisy = sequence.with_keypoints(sequence.keypoints + torch.randn(10, 68, 2))
    monkeypatch.setattr(batch, "annotate_video", lambda *_, **__: noisy)
    monkeypatch.setattr(batch, "_detector", lambda make: PrecomputedPoints())
    video = make_video("talk.mp4", num_frames=10)
    result = run("annotate", video, "-o", tmp_path / "out" / "a.npz", "--smooth", method)
    assert result.exit_code == 0, result.output
    assert torch.equal(load_keypoints(tmp_path / "out" / "a.npz").keypoints, smooth(noisy, method).keypoints)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.npz"]
    assert run("annotate", video, "-o", tmp_path / "out" / "b.npz").exit_code == 0
    assert torch.equal(load_keypoints(tmp_path / "out" / "b.npz").keypoints, noisy.keypoints)
    assert run("annotate", video, "-o", tmp_path / "c.npz", "--smooth", "median").exit_code == 2


def test_a_failure_while_smoothing_is_told_like_any_other(tmp_path, make_video):
    video = make_video("talk.mp4", num_frames=3)
    video.write_bytes(b"no video")
    assert_one_clear_error(run("annotate", video, "-o", tmp_path / "a.npz", "--smooth", "one-euro"), "talk.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["talk.mp4"]
