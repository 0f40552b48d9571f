"""kp-io and kp-metrics import nothing of each other, and read every keypoint file alike, bit for bit."""

import pytest
import torch
from keypoint_file_cases import CASES

from kp_io import KeypointSequence, load_keypoints, save_keypoints
from kp_metrics import read_keypoints


@pytest.mark.parametrize("name", ["frame_placement.py", "json_frames.py"])
def test_the_copies_of_a_module_are_equal(root, name):
    kp_io = (root / "packages/kp-io/src/kp_io/formats" / name).read_text(encoding="utf-8")
    kp_metrics = (root / "packages/kp-metrics/src/kp_metrics/files" / name).read_text(encoding="utf-8")
    assert kp_metrics == kp_io.replace("kp_io.formats", "kp_metrics.files")


@pytest.mark.parametrize("case", [case for case in CASES if not case.error], ids=lambda case: case.name)
def test_both_give_the_same_sequence(case, tmp_path):
    path = tmp_path / case.file
    path.write_text(case.text, encoding="utf-8")
    ours = load_keypoints(path, image_size=(480, 640), **case.chosen)
    theirs = read_keypoints(path, **case.chosen)
    assert torch.equal(ours.keypoints, theirs.keypoints)
    assert torch.equal(ours.scores > 0, theirs.valid)
    assert ours.fps == (theirs.fps or 25.0)


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".openface.csv", ".json", ".frames.json"])
def test_files_of_kp_io(suffix, tmp_path):
    generator = torch.Generator().manual_seed(0)
    scores = torch.ones(30, 68)
    scores[10:20] = 0
    points = torch.rand(30, 68, 2, generator=generator) * 200
    save_keypoints(tmp_path / f"a{suffix}", KeypointSequence(points, scores, fps=30000 / 1001, image_size=(224, 224)))
    ours, theirs = load_keypoints(tmp_path / f"a{suffix}"), read_keypoints(tmp_path / f"a{suffix}")
    assert torch.equal(ours.keypoints, theirs.keypoints)
    assert torch.equal(ours.scores > 0, theirs.valid)
    assert ours.fps == theirs.fps
