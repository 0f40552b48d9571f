from dataclasses import replace

import pytest
import torch

from a2k_nets.residual.expression_edits import BLINK_FRAMES, close_lids
from a2k_train.statistics.blinks import find_blinks, fit_blinks

COURSE = torch.tensor([0.05, 0.4, 0.6, 0.45, 0.3, 0.15, 0.05, 0.0, 0.0])


def blinking(make, begins):
    """A clip without tremor whose eyes close by the course at those frames."""
    clip = make(0, jitter_px=0.0, frames=100)
    closed = torch.zeros(1, 100)
    for begin in begins:
        closed[0, begin : begin + BLINK_FRAMES] = COURSE
    return replace(clip, keypoints=close_lids(clip.keypoints[None], closed)[0])


def test_blinks_are_found_where_they_are(make):
    curve, per_frame = fit_blinks([blinking(make, [10, 40, 71]), blinking(make, [30])])
    assert per_frame == pytest.approx(4 / 200)
    # As deep as lids close, and in the corpus' time.
    assert torch.allclose(curve, 0.9 * COURSE / COURSE.max(), atol=0.01)


def test_narrow_eyes_are_no_blink(make):
    curve, per_frame = fit_blinks([blinking(make, [])])
    assert not curve.any()
    assert per_frame == 0
    narrow = torch.cat((torch.full((30,), 0.3), torch.full((30,), 0.15)))
    assert find_blinks(narrow) == []


def test_a_clip_that_is_too_short_has_none():
    assert find_blinks(torch.tensor([0.3, 0.1, 0.3])) == []
