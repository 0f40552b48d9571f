"""Tracks over time: gaps, frame rates, smoothing; mirrored and centred faces."""

import itertools
import re
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from scipy.signal import savgol_filter

from kp_io import KeypointSequence, rasterize
from kp_io.transforms import (
    centre_on_base_point,
    interpolate_missing,
    mirror,
    mirror_keypoints,
    one_euro,
    resample_fps,
    restore_base_point,
    savitzky_golay,
    smooth,
    split_at_gaps,
)


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


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 6))
def test_runs_end_in_measured_frames_and_hold_no_longer_gap(measured, max_gap):
    runs = split_at_gaps(torch.tensor(measured, dtype=torch.bool), max_gap=max_gap)
    text = "".join("x" if seen else "." for seen in measured)
    # The same by text: a longer gap separates, whatever is at the ends is cut.
    pieces = [piece.strip(".") for piece in re.split(rf"\.{{{max_gap + 1},}}", text)]
    assert [text[run.start : run.stop] for run in runs] == [piece for piece in pieces if piece]
    assert all(a.stop + max_gap < b.start for a, b in itertools.pairwise(runs))
    with pytest.raises(ValueError, match="at least 0 frames, got -1"):
        split_at_gaps(torch.ones(3, dtype=torch.bool), max_gap=-1)


RATES = st.sampled_from([24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 50.0, 60000 / 1001, 12.5, 100.0])


def linear(num_frames, fps):
    """A point whose x is the time of the frame's middle, seconds."""
    moments = (torch.arange(num_frames, dtype=torch.float64) + 0.5) / fps
    return KeypointSequence(moments[:, None, None].expand(-1, 68, 2), fps=fps, image_size=(64, 64))


@given(old=RATES, new=RATES, num_frames=st.integers(1, 300))
def test_resampled_frames_stand_for_their_moments(old, new, num_frames):
    before = linear(num_frames, old)
    after = resample_fps(before, new)
    assert len(after) == max(1, round(Fraction(num_frames) * exact(new) / exact(old)))
    assert after.fps == new
    moments = (torch.arange(len(after), dtype=torch.float64) + 0.5) / new
    expected = moments.clamp(*before.keypoints[[0, -1], 0, 0].double().tolist())
    torch.testing.assert_close(after.keypoints[:, 5, 1].double(), expected, atol=1e-5, rtol=0)


def exact(fps):
    return Fraction(fps).limit_denominator(1001)


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), 30000 / 1001])
def test_an_hour_does_not_drift(rate):
    hour = KeypointSequence(torch.zeros(90_000, 68, 2), fps=25.0, image_size=(64, 64))
    hour.keypoints[45_000:, :, 0] = 100  # something happens at half an hour
    there = resample_fps(hour, rate)
    assert len(there) == round(3600 * 30000 / 1001) == 107_892
    happens = int((there.keypoints[:, 0, 0] > 50).nonzero()[0])
    assert abs((happens + 0.5) / (30000 / 1001) - 1800) <= 0.5 / 25
    back = resample_fps(there, 25.0)
    assert len(back) == 90_000
    assert abs(int((back.keypoints[:, 0, 0] > 50).nonzero()[0]) - 45_000) <= 1


def test_resampling_keeps_lost_frames_lost(sequence):
    after = resample_fps(sequence, 50.0)
    assert after.scores[:, 0].tolist() == [1] * 7 + [0] * 6 + [1] * 7
    same = resample_fps(sequence, 25)
    assert torch.equal(same.keypoints, sequence.keypoints)
    with pytest.raises(ValueError, match="positive"):
        resample_fps(sequence, 0.0)


@pytest.mark.parametrize(("frames", "order"), [(5, 2), (7, 3), (9, 1), (1, 0)])
def test_savitzky_golay_is_scipys(frames, order):
    track = torch.randn(40, 3, 2, generator=torch.Generator().manual_seed(0))
    expected = savgol_filter(track.double().numpy(), frames, order, axis=0, mode="interp")
    got = savitzky_golay(track, frames=frames, order=order)
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-5)


@given(st.integers(1, 12))
def test_short_tracks_are_smoothed_as_far_as_they_reach(num_frames):
    line = torch.arange(float(num_frames))[:, None, None].expand(-1, 2, 2)
    torch.testing.assert_close(savitzky_golay(line, frames=9), line, atol=1e-4, rtol=0)


def test_one_euro_lets_fast_movement_pass_and_steadies_the_rest():
    noise = torch.randn(200, 1, 2, generator=torch.Generator().manual_seed(0))
    still = one_euro(noise, fps=25.0, min_cutoff_hz=1.0, beta=0.0)
    assert float(still[50:].std()) < 0.5 * float(noise.std())
    step = torch.zeros(20, 1, 2)
    step[10:] = 100
    slow, fast = (one_euro(step, fps=25.0, min_cutoff_hz=1.0, beta=beta)[11, 0, 0] for beta in (0.0, 0.1))
    assert fast > 90 > 60 > slow
    # It needs no future: what comes later changes nothing before.
    assert torch.equal(one_euro(noise[:50], fps=25.0), one_euro(noise, fps=25.0)[:50])


@pytest.mark.parametrize("method", ["savitzky-golay", "one-euro"])
@pytest.mark.parametrize("fps", [5.0, 25.0, 60.0])
def test_smoothing_a_sequence(sequence, method, fps):
    generator = torch.Generator().manual_seed(0)
    points = sequence.keypoints[:1] + torch.randn(60, 68, 2, generator=generator)
    shaky = KeypointSequence(points, torch.rand(60, 68, generator=generator), fps=fps, image_size=(256, 256))
    steady = smooth(shaky, method)
    jitter, left = (s.keypoints.diff(n=2, dim=0).square().mean().sqrt() for s in (shaky, steady))
    assert left < (0.6 if fps >= 25 else 1.01) * jitter
    assert torch.equal(steady.scores, shaky.scores)
    torch.testing.assert_close(smooth(shaky.with_keypoints(3 * points), method).keypoints, 3 * steady.keypoints)


def test_smoothing_refuses(as_users_run_it, sequence):
    with pytest.raises(ValueError, match="out of savitzky-golay, one-euro, got 'median'"):
        smooth(sequence, "median")
    with pytest.raises(ValueError, match="odd number"):
        savitzky_golay(sequence.keypoints, frames=4)
    with pytest.raises(ValueError, match="fps=0"):
        one_euro(sequence.keypoints, fps=0)


def test_mirror_is_what_the_mirrored_picture_shows(face, sequence):
    sequence.scores[:, 36] = 0.5
    other = mirror(sequence)
    assert torch.equal(other.scores[:, 45], sequence.scores[:, 36])
    shown = next(rasterize(sequence, thickness=3))[:, ::-1]
    drawn = next(rasterize(other, thickness=3))
    assert np.abs(shown.astype(int) - drawn).mean() < 1
    torch.testing.assert_close(mirror(other).keypoints, sequence.keypoints)
    assert other.keypoints[0, 36, 0] < other.keypoints[0, 45, 0]
    with pytest.raises(ValueError, match="expected 68 points"):
        mirror_keypoints(face[:60], width=9)


@given(st.integers(0, 2**31), st.sampled_from([2, 3]))
def test_centring_is_undone(seed, dimensions):
    points = torch.rand(4, 68, dimensions, generator=torch.Generator().manual_seed(seed)) * 4000
    centred, base = centre_on_base_point(points)
    assert centred[:, 27].abs().max() == 0
    assert float((restore_base_point(centred, base) - points).abs().max()) < 1e-4
