"""The table of keypoint files that kp-metrics reads alike."""

import json

import numpy as np
import pytest
import torch
from keypoint_file_cases import CASES
from typer.testing import CliRunner

from kp_io import load_keypoints, save_keypoints
from kp_io.cli.app import app


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case, tmp_path):
    path = tmp_path / case.file
    path.write_text(case.text, encoding="utf-8")
    if case.error:
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is looked at below
            load_keypoints(path, image_size=(480, 640), **case.chosen)
        assert case.error in str(caught.value)
        assert path.name in str(caught.value)
        return
    got = load_keypoints(path, image_size=(480, 640), **case.chosen)
    assert (got.scores.amax(dim=1) > 0).tolist() == case.measured()
    assert got.fps == pytest.approx(case.fps, rel=1e-6)
    np.testing.assert_allclose(got.keypoints, case.points(), rtol=0, atol=1e-3)


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".openface.csv", ".json", ".frames.json"])
def test_what_was_read_is_the_same_in_every_format(suffix, tmp_path):
    case = next(case for case in CASES if case.name == "OpenFace begins at frame 6")
    (tmp_path / "a.csv").write_text(case.text, encoding="utf-8")
    before = load_keypoints(tmp_path / "a.csv", image_size=(480, 640))
    save_keypoints(tmp_path / f"b{suffix}", before)
    after = load_keypoints(tmp_path / f"b{suffix}")
    assert torch.equal(after.keypoints, before.keypoints)
    assert torch.allclose(after.scores, before.scores, atol=1e-6)
    assert (after.fps, after.image_size) == (before.fps, before.image_size)


@pytest.mark.parametrize("count", [17, 51, 98, 106, 133, 468, 478])
def test_other_numbers_of_points_are_refused_with_the_known_layouts(count, tmp_path):
    names = [f"{axis}_{i}" for axis in "xy" for i in range(count)]
    (tmp_path / "a.csv").write_text(",".join(names) + "\n" + ",".join(["1.0"] * len(names)) + "\n")
    content = {
        "images": [{"id": 0, "height": 9, "width": 9}],
        "annotations": [{"image_id": 0, "keypoints": [1, 1, 2] * count}],
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    (tmp_path / "a.pts").write_text("{\n" + "1 1\n" * count + "}\n")
    for name in ("a.csv", "a.json", "a.pts"):
        with pytest.raises(ValueError, match=rf"{count}.*the layouts that can be read are ibug68 \(68\)"):
            load_keypoints(tmp_path / name, image_size=(9, 9))


def test_commands_choose(tmp_path):
    cases = {case.name: case for case in CASES}
    for name, options, shift in (
        ("one of two clips", ("--track", "b"), 1),
        ("one of two people", ("--face", "1"), 9),
        ("COCO, one of two videos", ("--track", "vid1"), 1),
        ("COCO, one image", ("--image", "003.jpg"), 3),
        ("COCO, the largest face", ("--face", "0"), 0),
    ):
        path = tmp_path / cases[name].file
        path.write_text(cases[name].text, encoding="utf-8")
        size = () if path.suffix == ".json" else ("--size", "640x480")
        result = CliRunner().invoke(app, ["convert", str(path), str(tmp_path / "b.npz"), *size, *options])
        assert result.exit_code == 0, result.output
        got = load_keypoints(tmp_path / "b.npz")
        np.testing.assert_allclose(got.keypoints[0], cases[name].points()[0], rtol=0, atol=1e-3)
        assert float(got.keypoints[0, 0, 0]) == pytest.approx(150 + shift)
    path = tmp_path / "a.json"
    path.write_text(cases["COCO, two videos"].text)
    for command in (["info"], ["render", "-o", str(tmp_path / "a.png")]):
        refused = CliRunner().invoke(app, [command[0], str(path), *command[1:]])
        assert refused.exit_code == 1
        assert "got 2: vid0, vid1; choose one with track=, or --track" in refused.stderr
        assert CliRunner().invoke(app, [command[0], str(path), "--track", "vid0", *command[1:]]).exit_code == 0


def test_the_second_largest_face_of_each_image(tmp_path):
    case = next(case for case in CASES if case.name == "COCO, the largest face")
    (tmp_path / "a.json").write_text(case.text)
    second = load_keypoints(tmp_path / "a.json", face=1)
    assert second.keypoints[0, 0, 0].item() == pytest.approx((150 + 3) * (1 - 3 / 9), rel=1e-5)
    with pytest.raises(ValueError, match="at least one image"):
        load_keypoints(tmp_path / "a.json", face=2)
    with pytest.raises(ValueError, match="rank of a face by size"):
        load_keypoints(tmp_path / "a.json", face="anna")
