import pytest
import torch

from a2k_nets.config.residual import ModelConfig
from a2k_nets.residual.model import Audio2Keypoint
from a2k_train.evaluation.evaluate import evaluate
from a2k_train.reports.results_table import ABLATION_COLUMNS, summarize
from a2k_train.statistics.faces import face_statistics
from a2k_train.statistics.residual import fit_statistics


@pytest.fixture(scope="module")
def statistics(clips):
    return face_statistics(clips)


@pytest.fixture(scope="module")
def scores(variants, clips, statistics):
    return evaluate(variants, clips, statistics=statistics, derangements=2)


@pytest.fixture(scope="module")
def table(scores):
    return summarize(scores, rows=None, columns=ABLATION_COLUMNS, with_interval=tuple(ABLATION_COLUMNS))


def test_rows_stand_in_the_order_of_the_table(table, variants):
    shuffled = [f"shuffled audio, {name}" for name in variants]
    assert list(table.values) == ["mean face", "hold reference", *shuffled, *variants, "ground truth"]


def test_every_clip_is_in_every_row(scores, clips, table):
    for row in table.values:
        times = 2 if row.startswith("shuffled") else 1
        assert sorted(s.clip for s in scores if s.row == row) == sorted(times * [clip.id for clip in clips])


def test_what_the_models_are_shows(table):
    values = table.values
    assert values["final"]["mouth_correlation"] > 0.9
    assert values["shuffled audio, final"]["mouth_correlation"] < 0.5
    assert values["no_discriminator"]["mouth_correlation"] == pytest.approx(
        values["final"]["mouth_correlation"], abs=0.01
    )
    assert values["no_discriminator"]["mouth_amplitude_ratio"] == pytest.approx(
        values["final"]["mouth_amplitude_ratio"] / 5, rel=0.05
    )
    assert values["audio_only"]["identity_error"] > 1.5 * values["no_piv"]["identity_error"] > 0
    assert values["final"]["first_frame_error"] == 0 < values["no_piv"]["first_frame_error"]
    assert values["no_piv"]["identity_drift"] > values["final"]["identity_drift"]
    assert values["ground truth"]["l1_z"] == 0
    assert values["hold reference"]["lip_error_ratio"] == pytest.approx(1)


def test_the_mean_face_is_that_of_the_statistics(table, clips, statistics):
    expected = [float(statistics.l1(statistics.mean_face_at(c.keypoints[0])[None].expand_as(c.keypoints), c.keypoints,
                                    measured=c.measured)) for c in clips]  # fmt: skip
    assert table.values["mean face"]["l1_z"] == pytest.approx(sum(expected) / len(expected), rel=1e-5)


def test_the_same_model_scores_the_same_either_way(clips, statistics):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Audio2Keypoint(ModelConfig(width=8, dilations=(1, 2)))
        torch.nn.init.normal_(model.generator.expression_head.weight, std=0.3)
    fit_statistics(model, clips)
    single = [s for s in evaluate(model, clips, derangements=1, seed=3) if s.row == "model"]
    among = evaluate({"model": model}, clips, statistics=statistics, derangements=1, seed=3)
    again = [s for s in among if s.row == "model"]
    assert [s.mouth_correlation for s in single] == [s.mouth_correlation for s in again]
    assert [s.pck for s in single] == [s.pck for s in again]


def test_some_hear_others_and_all_hear_the_same(variants, clips, statistics):
    heard = []
    scores = evaluate(
        {"a": variants["final"], "b": variants["final"]}, clips, statistics=statistics, derangements=1,
        on_prediction=lambda p: heard.append(p) if p.row.startswith("shuffled") else None,
    )  # fmt: skip
    a, b = ([p.keypoints for p in heard if p.row == f"shuffled audio, {name}"] for name in "ab")
    assert len(a) == len(clips)
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    one = evaluate(variants, clips, statistics=statistics, shuffled_models=["final"], derangements=1)
    assert "shuffled audio" in {s.row for s in one}
    none = evaluate(variants, clips[:1], statistics=statistics, shuffled_models=[])
    assert not any(s.row.startswith("shuffled") for s in none)
    assert len({s.row for s in scores}) == 7


def test_what_is_refused(variants, clips, statistics):
    with pytest.raises(ValueError, match="out of their names"):
        evaluate(variants, clips, statistics=statistics, shuffled_models=["finale"])
    with pytest.raises(ValueError, match="expected models"):
        evaluate({}, clips, statistics=statistics)
    with pytest.raises(ValueError, match="at least two speakers"):
        evaluate(variants, clips[:2], statistics=statistics)


def test_tables_in_every_format(table):
    latex, csv = table.latex().splitlines(), table.csv().splitlines()
    assert latex[0] == r"\begin{tabular}{l" + "r" * len(ABLATION_COLUMNS) + "}"
    assert r"no\_discriminator & " in table.latex()
    assert "%" not in table.latex().replace(r"\%", "")
    assert csv[0].split(",")[:4] == ["row", "l1_z", "l1_z_low", "l1_z_high"]
    assert len(csv) == 1 + len(table.values)
    final = next(line.split(",") for line in csv if line.startswith("final,"))
    assert float(final[1]) == pytest.approx(table.values["final"]["l1_z"], rel=1e-4)
    assert float(final[2]) <= float(final[1]) <= float(final[3])
    assert {line.count("|") for line in table.markdown().splitlines()} == {len(ABLATION_COLUMNS) + 2}
