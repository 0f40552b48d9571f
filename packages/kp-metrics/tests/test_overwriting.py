"""The table of `kp-metrics compare` replaces no file that is read, and has the permissions of any new file."""

import json
import os
import stat

import pytest
from typer.testing import CliRunner

from kp_metrics.cli import app


@pytest.fixture
def folder(tmp_path):
    keypoints = [value for point in range(68) for value in (float(point), float(point * point % 40), 2.0)]
    points = {
        "images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 100}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "keypoints": keypoints, "num_keypoints": 68}],
        "categories": [{"id": 1, "name": "face", "keypoints": [str(point) for point in range(68)]}],
    }
    for name in ("preds", "target"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.json").write_text(json.dumps(points))
    return tmp_path


@pytest.mark.parametrize("kind", ["same", "symlink", "hard link"])
@pytest.mark.parametrize("side", ["preds", "target"])
@pytest.mark.parametrize("given", ["a.json", ""])
def test_a_table_replaces_no_input(folder, kind, side, given):
    source = folder / side / "a.json"
    out, before = source, source.read_bytes()
    if kind != "same":
        out = folder / "table.json"
        out.symlink_to(source) if kind == "symlink" else os.link(source, out)
    arguments = ["compare", str(folder / "preds" / given), str(folder / "target" / given), "-o", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "choose another name" in " ".join(result.stderr.split())
    assert source.read_bytes() == before


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_the_umask_decides_who_may_read_a_table(folder, umask):
    old = os.umask(umask)
    try:
        arguments = ["compare", str(folder / "preds"), str(folder / "target"), "-o", str(folder / "table.csv")]
        result = CliRunner().invoke(app, arguments)
    finally:
        os.umask(old)
    assert result.exit_code == 0, result.output
    assert stat.S_IMODE((folder / "table.csv").stat().st_mode) == 0o666 & ~umask


def test_the_version_is_printed():
    assert CliRunner().invoke(app, ["--version"]).output.startswith("kp-metrics ")
