"""Tables in which every speaker has the same weight, and a table of their own for some speakers."""

import json

import pytest

from a2k_train.evaluation.clip_score import ClipScore
from a2k_train.reports.results_table import split_scores, summarize, write_scores


def score(clip: str, speaker: str, *, row: str = "model", fold: int = 0, r: float = 0.0, lip: float = 0.1) -> ClipScore:
    return ClipScore(row, fold, clip, speaker, r, lip, 1.0, 1.0, 0.0, 0.0)


SCORES = [
    # Ada has three clips in one fold, Bob one in another, GRID's speaker one.
    *(score(clip, "ada", r=0.2, lip=0.1) for clip in "abc"),
    score("d", "bob", fold=1, r=0.8, lip=0.4),
    score("e", "GRID_s1", fold=1, r=0.9, lip=0.2),
    *(score(clip, "ada", row="hold reference", lip=0.2) for clip in "abc"),
    score("d", "bob", row="hold reference", fold=1, lip=0.4),
    score("e", "GRID_s1", row="hold reference", fold=1, lip=0.4),
]


def test_every_speaker_has_the_same_weight():
    table = summarize([s for s in SCORES if s.speaker != "GRID_s1"], by_speaker=True)
    assert table.values["model"]["mouth_correlation"] == pytest.approx((0.2 + 0.8) / 2)
    # The ratio of the means over speakers, not the mean of the ratios.
    assert table.values["model"]["lip_error_ratio"] == pytest.approx((0.1 + 0.4) / (0.2 + 0.4))
    low, high = table.intervals["model"]["mouth_correlation"]
    assert low <= 0.2 + 1e-9
    assert high >= 0.8 - 1e-9


def test_folds_do_not_matter_by_speaker():
    moved = [score(s.clip, s.speaker, row=s.row, fold=7, r=s.mouth_correlation, lip=s.lip_error) for s in SCORES]
    assert summarize(moved, by_speaker=True).markdown() == summarize(SCORES, by_speaker=True).markdown()


def test_speakers_apart_have_a_table_of_their_own(tmp_path):
    table = write_scores(tmp_path, SCORES, apart="grid")
    assert table.values["model"]["mouth_correlation"] == pytest.approx(0.5)
    assert (table.num_clips, table.num_speakers) == (4, 2)
    apart = json.loads((tmp_path / "table_apart.json").read_text())
    assert apart["values"]["model"]["mouth_correlation"] == pytest.approx(0.9)
    assert (tmp_path / "table_apart.md").is_file()
    # The list of clips has all of them.
    assert len((tmp_path / "clips.csv").read_text().splitlines()) == 1 + len(SCORES)


@pytest.mark.parametrize("apart", ["lrs", ""])
def test_a_beginning_must_divide_the_speakers(apart):
    with pytest.raises(ValueError, match=f"names begin with '{apart}' and some others, got GRID_s1, ada, bob"):
        split_scores(SCORES, apart)
