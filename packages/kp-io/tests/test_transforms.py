"""Gaps in tracks."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kp_io.transforms import interpolate_missing


@given(st.lists(st.booleans(), min_size=1, max_size=40).filter(any), st.integers(0, 2**31))
def test_measured_frames_stay_and_others_lie_between_neighbours(measured, seed):
    points = torch.rand(len(measured), 3, 2, generator=torch.Generator().manual_seed(seed))
    mask = torch.tensor(measured)
    before = points.clone()
    filled = interpolate_missing(points, mask)
    assert torch.equal(points, before)
    assert torch.equal(filled[mask], points[mask])
    known = mask.nonzero().flatten()
    for t in (~mask).nonzero().flatten():
        left, right = known[known < t], known[known > t]
        if len(left) and len(right):
            i, j = left[-1], right[0]
            expected = points[i] + (t - i) / (j - i) * (points[j] - points[i])
        else:
            expected = points[left[-1] if len(left) else right[0]]
        torch.testing.assert_close(filled[t], expected)


def test_nothing_measured_is_an_error():
    with pytest.raises(ValueError, match="at least one measured frame"):
        interpolate_missing(torch.zeros(3, 68, 2), torch.zeros(3, dtype=torch.bool))


def test_lengths_must_agree():
    with pytest.raises(ValueError, match=r"\(3,\) like keypoints, got \(2,\)"):
        interpolate_missing(torch.zeros(3, 68, 2), torch.ones(2, dtype=torch.bool))
