"""The table of keypoint files that kp-io reads alike."""

import json

import numpy as np
import pytest
from keypoint_file_cases import CASES
from typer.testing import CliRunner

from kp_metrics import read_keypoints
from kp_metrics.cli import app


@pytest.mark.parametrize("case", [case for case in CASES if case.error != "finite"], ids=lambda case: case.name)
def test_case(case, tmp_path):
    path = tmp_path / case.file
    path.write_text(case.text, encoding="utf-8")
    if case.error:
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is looked at below
            read_keypoints(path, **case.chosen)
        assert case.error in str(caught.value)
        assert path.name in str(caught.value)
        return
    got = read_keypoints(path, **case.chosen)
    assert got.valid.any(dim=1).tolist() == case.measured()
    assert (got.fps or 25.0) == pytest.approx(case.fps, rel=1e-6)
    np.testing.assert_allclose(got.keypoints, case.points(), rtol=0, atol=1e-3)
    assert got.keys is None


def compare(*arguments):
    result = CliRunner().invoke(
        app, ["compare", *map(str, arguments), "-m", "keypoint_l1", "--json", "--resamples", "0"]
    )
    if result.exit_code:
        return result.stderr
    return {s["row"]: s["value"] for s in json.loads(result.stdout)["scores"]}


def test_compare_chooses_where_there_are_several(tmp_path):
    cases = {case.name: case for case in CASES}
    (tmp_path / "several.csv").write_text(cases["one of two clips"].text)
    (tmp_path / "one.csv").write_text(cases["plain"].text)
    assert "got 2: a, b; choose one with track=, or --track" in compare(tmp_path / "several.csv", tmp_path / "one.csv")
    assert compare(tmp_path / "several.csv", tmp_path / "one.csv", "--track", "a")["several"] == pytest.approx(0)
    assert compare(tmp_path / "several.csv", tmp_path / "one.csv", "--track", "b")["several"] == pytest.approx(0.5)
    assert "for track='a'" in compare(tmp_path / "one.csv", tmp_path / "one.csv", "--track", "a")


def test_lost_frames_of_the_truth_do_not_count_in_any_format(tmp_path):
    cases = {case.name: case for case in CASES}
    (tmp_path / "p.csv").write_text(cases["OpenFace"].text)
    for name in ("OpenFace, lost", "rows dropped, times alone"):
        (tmp_path / "t.csv").write_text(cases[name].text)
        assert read_keypoints(tmp_path / "t.csv").fps == 30
        assert compare(tmp_path / "p.csv", tmp_path / "t.csv")["p"] == pytest.approx(0, abs=1e-4)


def test_results_name_their_images_by_file(tmp_path):
    """AlphaPose writes the file's name as image_id; COCO's images tell whose it is. Categories do not mix."""
    truth = {
        "images": [{"id": 7 + i, "file_name": f"v/{i:04d}.jpg"} for i in range(2)],
        "annotations": [{"image_id": 7 + i, "category_id": 1, "keypoints": [9 * i, 5, 2] * 17} for i in range(2)],
    }
    results = [
        {"image_id": f"{i:04d}.jpg", "category_id": c, "score": 0.9, "keypoints": [9 * i + c, 5, 1] * 17}
        for i in (1, 0)
        for c in (0, 1)
    ]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "p.json").write_text(json.dumps(results))
    assert compare(tmp_path / "p.json", tmp_path / "truth.json")["p"] == pytest.approx(0.5)
