import csv
import json
import math
from dataclasses import replace

import pytest
import torch

from a2k_nets.config.residual import ModelConfig
from a2k_nets.residual.model import Audio2Keypoint
from a2k_train.evaluation.evaluate import evaluate
from a2k_train.evaluation.shuffled_audio import mismatched_audio
from a2k_train.reports.results_table import COLUMNS, ROWS, ClipScore, summarize, write_scores
from a2k_train.statistics.residual import fit_statistics


@pytest.fixture(scope="module")
def model(clips):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Audio2Keypoint(ModelConfig(width=8, dilations=(1, 2)))
        torch.nn.init.normal_(model.generator.expression_head.weight, std=0.3)
    fit_statistics(model, clips)
    return model.eval()


@pytest.fixture(scope="module")
def scores(model, clips):
    return evaluate(model, clips, derangements=2)


@pytest.fixture(scope="module")
def table(scores):
    return summarize(scores)


def score(row: str, *, fold: int = 0, clip: str = "a", r: float = 0.5, lip: float = 0.1) -> ClipScore:
    return ClipScore(row, fold, clip, f"speaker of {clip}", r, lip, 1.0, 1.0, 2.0, 90.0)


class TestRows:
    def test_every_clip_is_in_every_row(self, scores, clips):
        for row in ROWS:
            times = 2 if row == "shuffled audio" else 1
            assert sorted(s.clip for s in scores if s.row == row) == sorted(times * [clip.id for clip in clips])

    def test_holding_the_reference(self, table):
        held = table.values["hold reference"]
        assert held["mouth_correlation"] == 0
        assert held["lip_error_ratio"] == pytest.approx(1)
        assert held["mouth_amplitude_ratio"] == pytest.approx(0, abs=1e-5)
        assert held["head_amplitude_ratio"] == pytest.approx(0, abs=1e-3)

    def test_the_truth(self, table):
        truth = table.values["ground truth"]
        assert truth["mouth_correlation"] == pytest.approx(1)
        assert truth["lip_error_ratio"] == pytest.approx(0, abs=1e-5)
        assert truth["mouth_amplitude_ratio"] == pytest.approx(1)
        assert truth["head_amplitude_ratio"] == pytest.approx(1)
        assert truth["l1"] == 0
        assert truth["pck"] == 100

    def test_a_mean_face_does_not_move(self, table):
        assert table.values["mean face"]["mouth_correlation"] == 0
        assert table.values["mean face"]["mouth_amplitude_ratio"] == pytest.approx(0, abs=1e-5)

    def test_a_still_head_is_still(self, table):
        still, moving = table.values["model, head still"], table.values["model"]
        assert moving["head_amplitude_ratio"] > 3 * still["head_amplitude_ratio"]
        # Speech decides the mouth, whatever the head does.
        assert still["mouth_correlation"] == pytest.approx(moving["mouth_correlation"], abs=1e-3)

    def test_a_model_that_knows_the_answer(self, clips):
        # It opens the mouth with the loudness that it hears; another speaker's loudness says nothing.
        class Loud(Audio2Keypoint):
            def forward(self, waveform, reference, **_):
                loudness = waveform.unflatten(1, (-1, 640)).square().mean(dim=2).sqrt()
                keypoints = reference[:, None].repeat(1, loudness.shape[1], 1, 1)
                keypoints[:, :, [56, 57, 58, 65, 66, 67], 1] += 40 * (loudness - loudness[:, :1])[..., None]
                return keypoints

        model = Loud(ModelConfig(width=8, dilations=(1,)))
        fit_statistics(model, clips)
        values = summarize(evaluate(model, clips, derangements=2)).values
        assert values["model"]["mouth_correlation"] > 0.9
        assert values["model"]["lip_error_ratio"] < 0.5
        assert values["shuffled audio"]["mouth_correlation"] < 0.5
        assert values["shuffled audio"]["lip_error_ratio"] > values["model"]["lip_error_ratio"]

    def test_frames_without_a_face_do_not_count(self, model, make):
        clips = [make(0), make(1)]
        measured = torch.ones(70, dtype=torch.bool)
        measured[20:30] = False
        wild = clips[0].keypoints.clone()
        wild[20:30] += 1_000 * torch.randn(10, 68, 2, generator=torch.Generator().manual_seed(0))
        hidden = evaluate(model, [replace(clips[0], keypoints=wild, measured=measured), clips[1]])
        held = next(s for s in hidden if s.row == "hold reference")
        assert held.l1 < 10

    def test_seeds_decide(self, model, clips):
        a, b, c = (
            [s for s in evaluate(model, clips, derangements=1, seed=seed) if s.row == "model"] for seed in (1, 1, 2)
        )
        # As texts, since what nobody can measure is NaN, and NaN is unlike itself.
        assert repr(a) == repr(b)
        assert repr(a) != repr(c)

    def test_voices_from_elsewhere(self, model, make):
        # One speaker alone: the voices, here of other lengths, take the place of a derangement.
        voices = [torch.randn(1_000, generator=torch.Generator().manual_seed(0)), make(4, frames=90).waveform]
        scores = evaluate(model, [make(0)], voices=voices)
        assert sum(s.row == "shuffled audio" for s in scores) == 2

    def test_progress_is_told(self, model, clips):
        told = []
        evaluate(model, clips, derangements=1, on_clip=told.append)
        assert told == [1, 2, 3, 4]

    def test_one_speaker_has_no_other_voice(self, model, make):
        with pytest.raises(ValueError, match="at least two speakers"):
            evaluate(model, [make(0, speaker="ada"), make(1, speaker="ada")])


class TestOtherVoices:
    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("speakers", ["ab", "aab", "aaaab", "abcdef", "aabbcc", "aaabbc", "abbbbbbc"])
    def test_nobody_hears_their_own(self, make, speakers, seed):
        clips = [make(i, frames=1, speaker=name) for i, name in enumerate(speakers)]
        for voices in mismatched_audio(clips, count=3, seed=seed):
            assert all(clips[voice].speaker != clip.speaker for voice, clip in zip(voices, clips, strict=True))

    @pytest.mark.parametrize("speakers", ["ab", "abcdef", "aabbcc", "aaabbc"])
    def test_every_voice_is_heard_once_where_that_is_possible(self, make, speakers):
        clips = [make(i, frames=1, speaker=name) for i, name in enumerate(speakers)]
        assert all(sorted(row) == list(range(len(clips))) for row in mismatched_audio(clips, count=4, seed=3))

    def test_the_seed_decides(self, make):
        clips = [make(i, frames=1) for i in range(12)]
        assert mismatched_audio(clips, count=5, seed=1) == mismatched_audio(clips, count=5, seed=1)
        assert mismatched_audio(clips, count=5, seed=1) != mismatched_audio(clips, count=5, seed=2)


class TestTable:
    def test_means_over_clips_then_folds(self):
        scores = [
            score("model", fold=0, clip="a", r=0.2),
            score("model", fold=0, clip="b", r=0.4),
            score("model", fold=1, clip="c", r=0.9),
            *(score("hold reference", fold=fold, clip=clip, lip=0.2) for fold, clip in ((0, "a"), (0, "b"), (1, "c"))),
        ]
        table = summarize(scores)
        assert table.values["model"]["mouth_correlation"] == pytest.approx((0.3 + 0.9) / 2)
        assert table.values["model"]["lip_error_ratio"] == pytest.approx(0.5)
        assert (table.num_clips, table.num_speakers) == (3, 3)

    def test_a_mean_lies_in_its_interval(self):
        scores = [score("model", clip=str(i), r=0.1 * i) for i in range(10)]
        low, high = summarize(scores).intervals["model"]["mouth_correlation"]
        assert 0.2 < low < 0.45 < high < 0.7

    def test_undefined_scores_are_left_out(self):
        scores = [score("model", clip="a", r=math.nan), score("model", clip="b", r=0.4), score("hold reference")]
        assert summarize(scores).values["model"]["mouth_correlation"] == pytest.approx(0.4)

    def test_ratios_are_over_the_truth_where_both_are_known(self):
        def with_silence(row, clip, opening):
            return replace(score(row, clip=clip), silence_opening=opening)

        truth = [with_silence("ground truth", clip, x) for clip, x in (("a", 0.1), ("b", 0.3), ("c", math.nan))]
        model = [with_silence("model", clip, x) for clip, x in (("a", 0.2), ("b", 0.4), ("c", 9.0))]
        table = summarize([*truth, *model])
        assert table.values["model"]["silence_ratio"] == pytest.approx(0.6 / 0.4)
        assert table.values["ground truth"]["silence_ratio"] == pytest.approx(1)
        assert math.isnan(table.values["model"]["jitter_ratio"])

    def test_markdown(self):
        table = summarize([score("model", r=0.456), score("hold reference", r=math.nan)])
        lines = table.markdown().splitlines()
        assert len(lines) == 2 + len(ROWS)
        assert {line.count("|") for line in lines} == {len(COLUMNS) + 2}
        assert all(title in lines[0] for title in COLUMNS.values())
        assert next(line for line in lines if line.startswith("| model |")).split("|")[2].strip() == "0.46"
        assert next(line for line in lines if line.startswith("| hold reference")).split("|")[2].strip() == "–"

    def test_files(self, scores, tmp_path):
        table = write_scores(tmp_path / "new" / "folder", scores)
        folder = tmp_path / "new" / "folder"
        assert (folder / "table.md").read_text(encoding="utf-8") == table.markdown() + "\n"
        assert json.loads((folder / "table.json").read_text())["values"]["ground truth"]["pck"] == pytest.approx(100)
        with (folder / "clips.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == len(scores)
        assert float(rows[0]["lip_error"]) == pytest.approx(scores[0].lip_error)
