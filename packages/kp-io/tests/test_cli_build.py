import re
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from kp_io import read_clips
from kp_io.cli.app import app
from kp_io.detectors import registry

pytest.importorskip("pyarrow", reason="needs the extra kp-io[build]")

runner = CliRunner()


class Middle:
    """Finds a face in the middle of every picture."""

    name = "middle"
    batch_size = 1

    def detect(self, image):
        import torch

        points = torch.rand(68, 2, generator=torch.Generator().manual_seed(0)) * min(image.shape[:2])
        return [(points, torch.ones(68))]

    def track(self, images, previous):
        return [self.detect(image)[0] for image in images]


@pytest.fixture
def videos(tmp_path, make_video, monkeypatch):
    monkeypatch.setattr(registry, "DetectorChoice", lambda *_: Middle)
    made = make_video("a.mkv", num_frames=30, audio=0.2 * np.sin(np.arange(24000) / 7))
    for name in ("id00001/x/00001.mkv", "id00001/y/00001.mkv", "id00002/z/00004.mkv"):
        (tmp_path / "videos" / name).parent.mkdir(parents=True)
        shutil.copy(made, tmp_path / "videos" / name)
    (tmp_path / "videos" / "id00002" / "z" / "00005.mp4").touch()
    return tmp_path / "videos"


def invoke(*arguments):
    return runner.invoke(app, ["build", *map(str, arguments)])


def test_build_ends_with_a_table_and_goes_on_when_run_again(videos, tmp_path):
    arguments = (videos, tmp_path / "out", "--layout", "voxceleb2", "--height", "224", "--licence", "CC0", "--val", "0")
    result = invoke(*arguments, "--test", "0")
    assert result.exit_code == 0, result.output
    assert re.search(r"train\W+2\W+3\W+90\W+0:00:04", result.stdout)
    assert "left out: 1 broken" in result.stdout
    assert "failures.parquet" in result.stdout
    assert invoke(*arguments, "--test", "0").stdout == result.stdout
    [first, *_] = read_clips(tmp_path / "out")
    assert first.sequence.image_size[0] == 224


def test_a_dry_run_counts_and_writes_nothing(videos, tmp_path):
    result = invoke(videos, tmp_path / "out", "--layout", "voxceleb2", "--val", "0", "--test", "0", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "train: 4 videos of 2 speakers" in result.stdout
    assert "3 of 4 opened could be read" in result.stdout
    assert re.search(r"about \d+:\d\d:\d\d \(\d+ frames/s measured, 1 worker\)", result.stdout)
    assert not (tmp_path / "out").exists()


def test_errors_are_one_line(videos, tmp_path):
    for arguments, words in (
        ((tmp_path / "none", tmp_path / "out"), "found no folder"),
        ((videos, tmp_path / "out", "--layout", "mine"), "voxceleb2"),
        ((videos, tmp_path / "out", "--layout", "voxceleb2", "--speaker-pattern", "x"), "got both"),
        ((videos, tmp_path / "out", "--manifest", tmp_path / "none.csv"), "found no file"),
        ((videos, tmp_path / "out", "--engine", "spark"), "local or ray"),
        ((videos, videos), "new or empty folder"),
    ):
        result = invoke(*arguments)
        assert result.exit_code == 1, arguments
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1
        assert words in result.stderr
    invoke(videos, tmp_path / "begun")
    assert "height 224 instead of None" in invoke(videos, tmp_path / "begun", "--height", "224").stderr
    assert invoke(videos, tmp_path / "out", "--workers", "0").exit_code == 2


def test_a_log_gets_a_line_now_and_then(videos, tmp_path, monkeypatch):
    monkeypatch.setattr("kp_io.cli.build._LINE_SECONDS", 0.0)
    result = invoke(videos, tmp_path / "out")
    assert re.search(r"2 of 4 videos, [\d.]+ videos/s, \d+ frames/s, \d failed, 0:00:\d\d left", result.stderr)


def test_ctrl_c_says_how_to_go_on(videos, tmp_path, monkeypatch):
    class Interrupted(Middle):
        def detect(self, image):
            raise KeyboardInterrupt

    monkeypatch.setattr(registry, "DetectorChoice", lambda *_: Interrupted)
    result = invoke(videos, tmp_path / "out")
    assert result.exit_code == 130
    assert "the same command goes on" in result.stderr
