"""The table of keypoint files that kp-metrics reads alike."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from kp_io import load_keypoints, save_keypoints

sys.path.insert(0, str(Path(__file__).parents[3] / "tests"))
from keypoint_file_cases import CASES


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
