"""What must hold for any input."""

import pytest
import torch
from hypothesis import given, settings, strategies as st

import kp_metrics as kpm
from kp_metrics.evaluation.metric_registry import CATALOGUE

AUDIO = {"beat_align", "silence_opening"}
POINTWISE = ("keypoint_l1", "pck", "pck_auc", "nme", "mpjpe", "pa_mpjpe", "lmd", "lip_error", "lve", "velocity_l1")
SINGLE = ("acceleration", "jitter", "mouth_opening", "blink_rate", "identity_error")
SEQUENCEWISE = (
    "mouth_correlation", "mouth_amplitude_ratio", "head_amplitude_ratio", "closure_f1", "mtm", "velocity_ratio",
)  # fmt: skip
PERFECT = {
    "pck", "pck_auc", "mouth_correlation", "mouth_amplitude_ratio", "head_amplitude_ratio", "closure_f1",
    "velocity_ratio",
}  # fmt: skip
seeds = st.integers(0, 10_000)
quick = settings(max_examples=8, deadline=None)


def call(name, preds, target, mask=None, **options):
    """Any function of the catalogue, with audio that depends on nothing but its shape."""
    if name in AUDIO:
        samples = torch.arange(preds.shape[-3] * 640.0)
        options["audio"] = (torch.sin(samples / 3) * (torch.sin(samples / 2500) > 0)).expand(*preds.shape[:-3], -1)
    if name == "oks":
        options |= {"area": 5000.0, "sigmas": [0.05] * preds.shape[-2]}
    return getattr(kpm, name)(preds, target, mask=mask, **{"reduction": "mean", **options})


EVERY = (*POINTWISE, *SINGLE, *SEQUENCEWISE, *sorted(AUDIO), "oks")


def test_every_function_of_the_catalogue_is_tested_here():
    others = {"slcc", "frechet_motion_distance", "diversity"}
    assert {info.function_name for info in CATALOGUE} == {*EVERY, *others}


@pytest.mark.parametrize("name", [n for n in EVERY if n not in SINGLE and n not in AUDIO])
@quick
@given(seed=seeds)
def test_identity_is_perfect(name, seed, make_pair):
    _, target, mask = make_pair(sequences=2, frames=20, seed=seed)
    expected = 1.0 if name in PERFECT | {"oks"} else 0.0
    assert call(name, target, target, mask).item() == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("name", [*EVERY, "slcc", "frechet_motion_distance"])
@quick
@given(seed=seeds)
def test_masked_points_never_matter(name, seed, make_pair):
    preds, target, mask = make_pair(sequences=3, frames=30, seed=seed)
    generator = torch.Generator().manual_seed(seed + 1)
    junk = torch.where(torch.rand(preds.shape, generator=generator) > 0.5, torch.nan, 1e6)
    hidden = ~mask.unsqueeze(-1)
    if name == "frechet_motion_distance":
        score = lambda p, t: kpm.frechet_motion_distance(p, t, mask=mask)  # noqa: E731  # three ways to call one thing
    elif name == "slcc":
        options = {"audio": torch.randn(3, 30 * 640, generator=generator)}
        score = lambda p, t: kpm.slcc(p, t, mask=mask, **options)  # noqa: E731
    else:
        score = lambda p, t: call(name, p, t, mask)  # noqa: E731
    before = score(preds, target)
    after = score(torch.where(hidden, junk, preds), torch.where(hidden, junk, target))
    assert torch.equal(before, after) or (before.isnan() and after.isnan())


@pytest.mark.parametrize("name", EVERY)
@quick
@given(seed=seeds)
def test_padding_never_matters(name, seed, make_pair):
    preds, target, _ = make_pair(sequences=2, frames=24, seed=seed)
    padded = [torch.nn.functional.pad(side, (0, 0, 0, 0, 0, 9), value=7.0) for side in (preds, target)]
    mask = torch.arange(33).lt(24)[None, :, None].expand(2, 33, 68)
    assert torch.allclose(call(name, *padded, mask), call(name, preds, target), rtol=1e-4, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("name", EVERY)
@quick
@given(seed=seeds)
def test_order_and_leading_dimensions_never_matter(name, seed, make_pair):
    preds, target, mask = make_pair(sequences=4, frames=20, seed=seed)
    order = torch.randperm(4, generator=torch.Generator().manual_seed(seed))
    plain = call(name, preds, target, mask, reduction="sequence")
    turned = call(name, preds[order], target[order], mask[order], reduction="sequence")
    assert torch.allclose(turned, plain[order], rtol=1e-4, atol=1e-6, equal_nan=True)
    square = [side.reshape(2, 2, *side.shape[1:]) for side in (preds, target, mask)]
    assert torch.allclose(
        call(name, *square, reduction="sequence").flatten(), plain, rtol=1e-4, atol=1e-6, equal_nan=True
    )
    alone = call(name, preds[0], target[0], mask[0])
    assert torch.allclose(alone, plain[0], rtol=1e-4, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("name", EVERY)
def test_inputs_are_never_mutated(name, pair):
    copies = [side.clone() for side in pair]
    call(name, *pair)
    assert all(torch.equal(side, copy) for side, copy in zip(pair, copies, strict=True))


@pytest.mark.parametrize("name", EVERY)
def test_reductions_agree(name, pair):
    values = call(name, *pair, reduction="none")
    assert values.isnan().any() or name in (
        *SEQUENCEWISE,
        "blink_rate",
        "beat_align",
        "silence_opening",
        "identity_error",
    )
    assert call(name, *pair).item() == pytest.approx(values.nanmean().item(), rel=1e-4)
    assert call(name, *pair, reduction="sum").item() == pytest.approx(values.nansum().item(), rel=1e-4)
    by_sequence = values.reshape(values.shape[0], -1).nanmean(1)
    assert torch.allclose(call(name, *pair, reduction="sequence"), by_sequence, rtol=1e-4, equal_nan=True)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", EVERY)
def test_all_masked_is_nan_and_never_zero(name, reduction, pair):
    preds, target, mask = pair
    assert call(name, preds, target, torch.zeros_like(mask), reduction=reduction).isnan()


@pytest.mark.parametrize("name", [n for n in EVERY if n != "oks"])
def test_nan_in_a_valid_point_reaches_the_result(name, pair):
    preds, target, mask = pair
    bad = preds.clone()
    # Lips, eyes, base point: each function looks at some of them.
    bad[0, 3, [27, 30, 36, 39, 45, 62, 66]] = torch.nan
    if name == "silence_opening":
        bad[0, :, 66] = torch.nan
    mask = torch.ones_like(mask)
    assert call(name, bad, target, mask).isnan()


@pytest.mark.parametrize("name", ["keypoint_l1", "mpjpe", "lmd", "lve", "velocity_l1"])
@quick
@given(seed=seeds, factor=st.floats(0.1, 20))
def test_pixel_metrics_scale_with_the_picture(name, seed, factor, make_pair):
    preds, target, mask = make_pair(sequences=2, frames=10, seed=seed)
    expected = factor * call(name, preds, target, mask)
    assert torch.allclose(call(name, preds * factor, target * factor, mask), expected, rtol=1e-3)


@pytest.mark.parametrize(
    "name", ["pck_auc", "nme", "lip_error", "acceleration", "jitter", "mouth_opening", "mouth_correlation",
             "mouth_amplitude_ratio", "head_amplitude_ratio", "blink_rate", "identity_error", "velocity_ratio"],
)  # fmt: skip
@quick
@given(seed=seeds, factor=st.floats(0.2, 10), shift=st.floats(-50, 50))
def test_normalized_metrics_know_neither_scale_nor_place(name, seed, factor, shift, make_pair):
    preds, target, mask = make_pair(sequences=2, frames=16, seed=seed)
    moved = [side.double() * factor + shift for side in (preds, target)]
    expected = call(name, preds.double(), target.double(), mask)
    assert torch.allclose(call(name, *moved, mask), expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", ["lmd", "velocity_l1", "pa_mpjpe"])
@quick
@given(seed=seeds, shift=st.floats(-500, 500))
def test_some_errors_forgive_a_shifted_prediction(name, seed, shift, make_pair):
    preds, target, mask = (side.double() if side.is_floating_point() else side for side in make_pair(2, 10, seed=seed))
    assert torch.allclose(call(name, preds + shift, target, mask), call(name, preds, target, mask), rtol=1e-5)


@quick
@given(seed=seeds, turn=st.floats(-0.5, 0.5), zoom=st.floats(0.5, 2))
def test_lip_error_forgives_the_head_pose(seed, turn, zoom, make_pair):
    preds, target, mask = make_pair(2, 12, seed=seed)
    angle = torch.tensor(turn)
    rotation = zoom * torch.stack([torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])])
    expected = kpm.lip_error(preds, target, mask=mask)
    assert torch.allclose(kpm.lip_error(preds @ rotation + 9, target, mask=mask), expected, rtol=1e-3, atol=1e-5)


@quick
@given(seed=seeds, alphas=st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)))
def test_pck_rises_with_alpha(seed, alphas, make_pair):
    preds, target, mask = make_pair(2, 6, seed=seed)
    low, high = (kpm.pck(preds, target, alpha=alpha, mask=mask) for alpha in sorted(alphas))
    assert low <= high
    assert kpm.pck(preds, target, alpha=1e6, mask=mask) == 1


@pytest.mark.parametrize("shape", [(1, 17, 2), (4, 1, 21, 3), (2, 3, 5, 133, 2), (7, 1, 1)])
@pytest.mark.parametrize("name", ["keypoint_l1", "pck", "pck_auc", "mpjpe", "lmd", "velocity_l1", "oks"])
def test_any_number_of_points_and_dimensions(name, shape):
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(shape, generator=generator)
    score = call(name, target + 0.001, target)
    undefined = (name == "velocity_l1" and shape[-3] == 1) or (name in ("pck", "pck_auc") and shape[-3:-1] == (1, 1))
    assert score.ndim == 0
    assert score.isnan() == undefined


@pytest.mark.parametrize("name", [n for n in EVERY if n not in ("mtm", "closure_f1", "blink_rate", "beat_align")])
def test_half_precision_is_computed_in_single(name, pair):
    preds, target, mask = pair
    low = call(name, preds.bfloat16(), target.bfloat16(), mask)
    same = call(name, preds.bfloat16().float(), target.bfloat16().float(), mask)
    assert low.item() == pytest.approx(same.item(), rel=1e-5)


def test_constant_series_score_zero(pair):
    _, target, mask = pair
    held = target[:, :1].expand_as(target)
    assert kpm.mouth_correlation(held, target, mask=mask) == 0
    assert kpm.mouth_amplitude_ratio(held, target, mask=mask) < 1e-5
    assert kpm.head_amplitude_ratio(held, target, mask=mask) < 1e-3
    # A head that nods with a still mouth is no talking mouth either, whatever rounding makes of its opening.
    shift = target.mean(-2, keepdim=True) - target[:, :1].mean(-2, keepdim=True)
    assert kpm.mouth_correlation(held + shift, target, mask=mask) == 0


def test_align_to_reference_takes_the_pose_out(make_pair):
    _, target, _ = make_pair(1, 30)
    face = target[0, 0]
    angle = torch.linspace(-0.4, 0.4, 30)
    turn = torch.stack([torch.stack([angle.cos(), -angle.sin()], -1), torch.stack([angle.sin(), angle.cos()], -1)], -2)
    moving = face @ turn * torch.linspace(0.5, 2, 30)[:, None, None] + 40
    aligned = kpm.align_to_reference(moving, face)
    assert torch.allclose(aligned, face.expand_as(aligned), atol=1e-3)
    pose = kpm.head_pose(moving, face)
    assert torch.allclose(pose[:, 2].diff().sign(), -torch.ones(29))
    assert torch.allclose(pose[:, 3], torch.linspace(0.5, 2, 30).log(), atol=1e-4)


def test_derangements_never_give_a_speaker_their_own():
    speakers = ["a"] * 4 + ["b"] * 3 + ["c", "d", "e"]
    rows = kpm.derangements(speakers, count=5, seed=3)
    assert rows.shape == (5, 10)
    assert len({tuple(row) for row in rows.tolist()}) == 5
    for row in rows.tolist():
        assert sorted(row) == list(range(10))
        assert all(speakers[ours] != speakers[theirs] for ours, theirs in enumerate(row))
    assert torch.equal(rows, kpm.derangements(speakers, count=5, seed=3))
