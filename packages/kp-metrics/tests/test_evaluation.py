"""The table: rows, ratios, intervals, formats."""

import csv
import io
import json
import math

import pytest
import torch

import kp_metrics as kpm


@pytest.fixture
def table(pair):
    preds, target, mask = pair
    baselines = {
        "shuffled audio": (preds.roll(1, 0), preds.roll(2, 0)),
        "mean face": target.mean((0, 1)).expand_as(target),
    }
    return kpm.evaluate({"model": preds}, target, baselines=baselines, mask=mask, resamples=200)


def test_rows_come_in_the_usual_order(table):
    assert [row.name for row in table.rows] == [
        "mean face", "hold reference", "shuffled audio", "model", "ground truth",
    ]  # fmt: skip


def test_values_are_those_of_the_functions(table, pair):
    preds, target, mask = pair
    for name in ("pck", "nme", "mouth_correlation", "lip_error", "keypoint_l1", "head_amplitude_ratio"):
        expected = getattr(kpm, name)(preds, target, mask=mask).item()
        assert table.score("model", name).value == pytest.approx(expected, rel=1e-4)
    shuffled = [kpm.nme(preds.roll(turn, 0), target, mask=mask).item() for turn in (1, 2)]
    assert table.score("shuffled audio", "nme").value == pytest.approx(sum(shuffled) / 2, rel=1e-4)


def test_lip_error_is_quoted_over_hold_reference(table):
    ratio = table.score("model", "lip_error").value / table.score("hold reference", "lip_error").value
    score = table.score("model", "lip_error_over_hold")
    assert score.value == pytest.approx(ratio)
    assert score.low <= ratio <= score.high
    assert table.score("hold reference", "lip_error_over_hold").value == 1
    assert table.score("hold reference", "mouth_correlation").value == 0


def test_ground_truth_has_no_errors_to_show(table):
    with pytest.raises(KeyError, match="ground truth"):
        table.score("ground truth", "nme")
    assert table.score("ground truth", "pck").value == 1


def test_formats_hold_the_same_numbers(table, tmp_path):
    rows = list(csv.DictReader(io.StringIO(table.to_csv())))
    scores = json.loads(table.to_json())["scores"]
    assert [row["metric"] for row in rows] == [score["metric"] for score in scores]
    assert len(rows) == 8 + 8 + 8 + 8 + 4
    for row, score in zip(rows, scores, strict=True):
        assert float(row["value"] or "nan") == pytest.approx(score["value"] or 0)
    value = f"{table.score('model', 'nme').value:.3f}"
    assert value in table.to_markdown()
    assert value in table.to_latex()
    assert table.to_latex().count("&") == 8 * 6
    assert [column.header for column in table.__rich__().columns][1:3] == ["mean face", "hold reference"]
    for suffix in (".csv", ".json", ".md", ".tex"):
        assert table.save(tmp_path / "new" / f"table{suffix}").read_text(encoding="utf-8").endswith("\n")
    assert len(list((tmp_path / "new").iterdir())) == 4
    with pytest.raises(ValueError, match=r"\.csv.*table\.xls"):
        table.save(tmp_path / "table.xls")


def test_sequences_of_different_lengths_are_padded(make_pair):
    preds, target, _ = make_pair(3, 26)
    lengths = (26, 20, 13)
    ours, theirs = ([side[n, :length] for n, length in enumerate(lengths)] for side in (preds, target))
    table = kpm.evaluate({"model": ours}, theirs, metrics=["nme", "mouth_correlation", "pck"], resamples=0)
    errors = torch.cat([kpm.nme(p, t, reduction="none").flatten() for p, t in zip(ours, theirs, strict=True)])
    assert table.score("model", "nme").value == pytest.approx(errors.mean().item(), rel=1e-4)
    r = [kpm.mouth_correlation(p, t).item() for p, t in zip(ours, theirs, strict=True)]
    assert table.score("model", "mouth_correlation").value == pytest.approx(sum(r) / 3, rel=1e-4)
    assert math.isnan(table.score("model", "nme").low)


def test_every_metric_of_the_catalogue_can_be_a_column(make_pair):
    preds, target, mask = make_pair(4, 60, scattered=False)
    audio = torch.randn(4, 60 * 640, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 5)[:, None]
    audio[:, 20 * 640 : 35 * 640] = 0
    names = [info.name for info in kpm.CATALOGUE if info.needs not in ("samples", "area")]
    table = kpm.evaluate(preds, target, audio, metrics=names, mask=mask, resamples=50)
    for info in table.metrics:
        score = table.score("model", info.name)
        assert math.isfinite(score.value), info.name
    stills = kpm.evaluate(
        preds[:, :1], target[:, :1], metrics=["oks"], area=torch.ones(4, 1), options={"oks": {"sigmas": [0.1] * 68}}
    )
    assert [row.name for row in stills.rows] == ["model", "ground truth"]


def test_reference_and_options_are_handed_on(pair):
    preds, target, mask = pair
    reference = target[:, 3]
    table = kpm.evaluate(
        preds, target, mask=mask, reference=reference, metrics=["lip_error", "pck"], options={"pck": {"alpha": 0.1}}
    )
    expected = kpm.lip_error(preds, target, mask=mask, reference=reference).item()
    assert table.score("model", "lip_error").value == pytest.approx(expected, rel=1e-4)
    assert table.score("model", "pck").value == pytest.approx(
        kpm.pck(preds, target, mask=mask, alpha=0.1).item(), rel=1e-4
    )
    held = reference.unsqueeze(1).expand_as(target)
    expected = kpm.lip_error(held, target, mask=mask, reference=reference).item()
    assert table.score("hold reference", "lip_error").value == pytest.approx(expected, rel=1e-4)


def test_one_clip_has_no_interval(pair):
    preds, target, _ = pair
    score = kpm.evaluate(preds[:1], target[:1], metrics=["nme"]).score("model", "nme")
    assert math.isnan(score.low)
    assert str(score) == f"{score.value:.3f}"
    two = kpm.evaluate(preds[:2], target[:2], metrics=["nme"])
    assert two.score("model", "nme").low < two.score("model", "nme").high
    assert math.isnan(kpm.evaluate(preds, target, metrics=["nme"], groups=["ann"] * 3).score("model", "nme").low)


def test_bootstrap_covers_the_truth_as_often_as_it_says():
    generator = torch.Generator().manual_seed(0)
    hits = 0
    for trial in range(200):
        values = torch.randn(40, generator=generator)
        low, high = kpm.bootstrap_interval(values, resamples=300, seed=trial, confidence=0.9)
        hits += low <= 0 <= high
    # Binomial: 0.9 × 200 = 180 ± 4.2; the percentile interval of 40 values is a little narrow.
    assert 163 <= hits <= 195


def test_bootstrap_is_seeded_and_groups_widen_it():
    values = torch.arange(10.0).repeat_interleave(10)
    groups = [f"speaker {n}" for n in range(10) for _ in range(10)]
    alone = kpm.bootstrap_interval(values, seed=1)
    assert alone == kpm.bootstrap_interval(values, seed=1)
    assert alone != kpm.bootstrap_interval(values, seed=2)
    together = kpm.bootstrap_interval(values, groups=groups, seed=1)
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])
    weighted = kpm.bootstrap_interval(torch.tensor([0.0, 1.0, torch.nan]), weights=torch.tensor([1.0, 0.0, 5.0]))
    assert weighted == (0, 0)
