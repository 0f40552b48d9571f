"""Scores of motion that is one of many: amplitude of tracks, match of sound and motion, the best of several seeds."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import kp_metrics as kpm

quick = settings(max_examples=20, deadline=None)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# Amplitude of tracks.


@quick
@given(seed=st.integers(0, 10_000))
def test_amplitude_is_the_geometric_mean_of_ratios_in_numpy(seed):
    preds, target = random(3, 40, 4, seed=seed), random(3, 40, 4, seed=seed + 1)
    mask = random(3, 40, seed=seed + 2) > -1
    logs = [
        [np.log(preds[n, mask[n], c].numpy().std() / target[n, mask[n], c].numpy().std()) for c in range(4)]
        for n in range(3)
    ]
    expected = np.exp(np.mean(logs, axis=0))
    assert kpm.head_pose_amplitude(preds, target, mask=mask).numpy() == pytest.approx(expected)
    each = kpm.head_pose_amplitude(preds, target, mask=mask, reduction="sequence")
    assert each.numpy() == pytest.approx(np.exp(logs))


def test_half_and_twice_the_motion_give_one():
    real = random(2, 50, 3)
    scaled = real * torch.tensor([0.5, 2.0])[:, None, None]
    assert kpm.head_pose_amplitude(scaled, real).numpy() == pytest.approx([1, 1, 1])


def test_masked_frames_position_and_units_do_not_matter():
    preds, real = random(2, 30, 2), random(2, 30, 2, seed=1)
    mask = torch.ones(2, 30, dtype=torch.bool)
    mask[:, 20:] = False
    expected = kpm.head_pose_amplitude(preds[:, :20], real[:, :20])
    preds[:, 20:], real[:, 25:] = torch.nan, 1e6
    assert torch.allclose(kpm.head_pose_amplitude(preds, real, mask=mask), expected)
    assert torch.allclose(kpm.head_pose_amplitude(57 * preds + 3, 57 * real - 8, mask=mask), expected)


def test_a_still_truth_is_undefined_and_a_still_prediction_counts_as_the_floor():
    real = random(3, 50, 2)
    real[0, :, 1] = 4.0
    preds = real.clone()
    preds[1] = 0.0
    each = kpm.head_pose_amplitude(preds, real, floor=0.01, reduction="sequence")
    assert each.isnan().tolist() == [[False, True], [False, False], [False, False]]
    assert each[1].numpy() == pytest.approx(0.01 / real[1].std(0, correction=0).numpy())
    # The second component's mean has two sequences: one still, one perfect.
    mean = kpm.head_pose_amplitude(preds, real, floor=0.01)
    assert mean[1].item() == pytest.approx(each[1, 1].item() ** 0.5)
    assert kpm.head_pose_amplitude(preds, torch.zeros_like(preds)).isnan().all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"target": torch.zeros(2, 30, 3)}, r"one shape \(..., T, C\), got \(2, 30, 4\) and \(2, 30, 3\)"),
        ({"mask": torch.ones(2, 29, dtype=torch.bool)}, r"mask of shape \(2, 30\)"),
        ({"floor": 0.0}, "floor above 0, got floor=0.0"),
        ({"reduction": "none"}, "reduction out of 'mean', 'sequence'"),
    ],
)
@pytest.mark.usefixtures("without_shape_checks")
def test_amplitude_says_what_is_wrong(wrong, message):
    preds = torch.zeros(2, 30, 4)
    with pytest.raises(ValueError, match=message):
        kpm.head_pose_amplitude(**{"preds": preds, "target": preds, **wrong})


# The match of sound and motion.


@quick
@given(seed=st.integers(0, 10_000))
def test_auc_is_the_share_of_won_comparisons(seed):
    scores = (3 * random(7, 7, seed=seed)).round()  # with ties
    groups = ["ann", "bob", "ann", "eve", "bob", "ann", "dan"]
    won = {}
    for i, group in enumerate(groups):
        others = [scores[i, j] for j in range(7) if groups[j] != group]
        won.setdefault(group, []).append(
            np.mean([float(scores[i, i] > s) + 0.5 * float(scores[i, i] == s) for s in others])
        )
    expected = np.mean([np.mean(shares) for shares in won.values()])
    assert kpm.motion_match_auc(scores, groups).item() == pytest.approx(expected)
    # A judge's units do not matter, but which motion belongs to which sound does.
    assert kpm.motion_match_auc(scores * 4 - 9, groups).item() == pytest.approx(expected)


def test_auc_knows_perfect_wrong_and_no_judges():
    groups = ["ann", "bob", "eve", "dan"]
    assert kpm.motion_match_auc(torch.eye(4), groups).item() == 1
    assert kpm.motion_match_auc(-torch.eye(4), groups).item() == 0
    assert kpm.motion_match_auc(torch.ones(4, 4), groups).item() == 0.5


def test_auc_of_scores_by_chance_is_a_half():
    groups = [f"speaker {i // 4}" for i in range(400)]
    assert kpm.motion_match_auc(random(400, 400), groups).item() == pytest.approx(0.5, abs=0.04)


def test_candidates_choose_what_is_compared_and_the_diagonal_never_is():
    scores = torch.tensor([[1.0, 0.0, 5.0], [5.0, 1.0, 0.0], [0.0, 5.0, 1.0]])
    next_one = torch.tensor([[True, True, False], [False, True, True], [True, False, True]])
    assert kpm.motion_match_auc(scores, [0, 1, 2], candidates=next_one).item() == 1
    assert kpm.motion_match_auc(scores, [0, 1, 2], candidates=~next_one).item() == 0


def test_sounds_without_candidates_are_left_out_and_nan_scores_are_not_hidden():
    scores = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    only_first = torch.tensor([[False, True], [False, False]])
    shares = kpm.motion_match_auc(scores, ["ann", "bob"], candidates=only_first, reduction="none")
    assert shares[0] == 1
    assert shares[1].isnan()
    assert kpm.motion_match_auc(scores, ["ann", "bob"], candidates=only_first).item() == 1
    assert kpm.motion_match_auc(scores, ["ann", "ann"]).isnan()
    scores[1, 0] = torch.nan
    assert kpm.motion_match_auc(scores, ["ann", "bob"]).isnan()
    # The pair is not compared, so its score may be anything.
    assert kpm.motion_match_auc(scores, ["ann", "bob"], candidates=only_first).item() == 1


def test_shares_of_sounds_fit_the_bootstrap():
    scores, groups = random(30, 30) + torch.eye(30), [i // 3 for i in range(30)]
    shares = kpm.motion_match_auc(scores, groups, reduction="none")
    low, high = kpm.bootstrap_interval(shares, groups=groups)
    assert low < kpm.motion_match_auc(scores, groups).item() < high


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"scores": torch.zeros(3, 4)}, r"scores of shape \(N, N\), got \(3, 4\)"),
        ({"groups": ["ann", "bob"]}, "one of groups for each of the 3 sounds, got 2"),
        ({"candidates": torch.ones(3, 3)}, "boolean candidates of shape"),
        ({"candidates": torch.ones(2, 2, dtype=torch.bool)}, r"boolean candidates of shape \(3, 3\)"),
        ({"reduction": "sequence"}, "reduction out of 'mean', 'none'"),
    ],
)
@pytest.mark.usefixtures("without_shape_checks")
def test_auc_says_what_is_wrong(wrong, message):
    with pytest.raises(ValueError, match=message):
        kpm.motion_match_auc(**{"scores": torch.zeros(3, 3), "groups": [0, 1, 2], **wrong})


# The best of several seeds.


@quick
@given(seed=st.integers(0, 10_000), n=st.integers(1, 5), higher=st.booleans())
def test_best_of_n_is_the_mean_over_all_choices(seed, n, higher):
    values = random(5, 3, 2, seed=seed)
    best = np.max if higher else np.min
    expected = np.mean([best(values[list(chosen)].numpy(), axis=0) for chosen in combinations(range(5), n)], axis=0)
    assert kpm.best_of_n(values, n, higher_is_better=higher).numpy() == pytest.approx(expected)


def test_best_of_one_is_the_mean_and_of_all_the_extreme():
    values = random(10, 4)
    assert torch.allclose(kpm.best_of_n(values, 1), values.mean(0))
    assert torch.equal(kpm.best_of_n(values), values.amin(0))
    assert torch.equal(kpm.best_of_n(values, higher_is_better=True), values.amax(0))


def test_a_seed_without_a_value_is_not_hidden_but_an_infinite_one_can_lose():
    values = torch.tensor([[1.0, 1.0], [torch.nan, torch.inf], [2.0, 2.0]])
    best = kpm.best_of_n(values)
    assert best[0].isnan()
    assert best[1] == 1


def test_best_of_seeds_by_a_metric_of_keypoints(pair):
    preds, target, mask = pair
    seeds = torch.stack([preds, target + 100, target])
    errors = torch.stack([kpm.keypoint_l1(seed, target, mask=mask, reduction="sequence") for seed in seeds])
    assert kpm.best_of_n(errors).tolist() == [0, 0, 0]
    hits = torch.stack([kpm.pck(seed, target, mask=mask, reduction="sequence") for seed in seeds])
    assert kpm.best_of_n(hits, higher_is_better=True).tolist() == [1, 1, 1]


@pytest.mark.parametrize("n", [0, 4])
def test_best_of_n_says_what_is_wrong(n):
    with pytest.raises(ValueError, match=f"n from 1 to the number of seeds, 3, got n={n}"):
        kpm.best_of_n(torch.zeros(3, 2), n)


@pytest.mark.usefixtures("without_shape_checks")
def test_best_of_n_needs_a_seed():
    with pytest.raises(ValueError, match="at least one seed"):
        kpm.best_of_n(torch.zeros(0, 2))
