"""The table of keypoint files that kp-io reads alike."""

import sys
from pathlib import Path

import numpy as np
import pytest

from kp_metrics import read_keypoints

sys.path.insert(0, str(Path(__file__).parents[3] / "tests"))
from keypoint_file_cases import CASES


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
