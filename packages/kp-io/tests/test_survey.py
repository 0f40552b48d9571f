"""Warnings about speakers and splits that are probably mistakes."""

import re

import pytest

from kp_io.corpus.options import CorpusOptions
from kp_io.corpus.sources import find_videos
from kp_io.corpus.survey import survey_videos

NO_SPLITS = {"val": 0.0, "test": 0.0}


@pytest.fixture
def warn(tmp_path, caplog):
    """Return the warnings about videos with these names, and their speakers if the option that they name is used."""

    def run(*names, **options):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"x")
        caplog.clear()
        survey_videos(tmp_path, CorpusOptions(**options))
        messages = [record.getMessage() for record in caplog.records]
        pattern = re.search("--speaker-pattern '(.*?)'", " ".join(messages))
        advised = CorpusOptions(**options | ({"speaker_pattern": pattern[1]} if pattern else {}))
        return messages, sorted({video.speaker for video in find_videos(tmp_path, advised.speakers())})

    return run


@pytest.mark.parametrize(
    ("names", "speakers"),
    [
        (["anna_1", "anna_2", "bert_1", "bert_2"], ["anna", "bert"]),
        (["anna hello", "anna bye", "bert-hello", "bert.bye"], ["anna", "bert"]),
        (["anna01", "anna02", "bert"], ["anna", "bert"]),
        (["talk_anna_1", "talk_anna_2", "talk_bert_1"], ["talk_anna", "talk_bert"]),
        (["Ünal 1", "ünal 2"], ["Ünal", "ünal"]),
    ],
)
def test_names_in_a_flat_folder_that_begin_alike(warn, names, speakers):
    [message], found = warn(*(f"{name}.mp4" for name in names), **NO_SPLITS)
    assert "counts as a speaker of its own" in message
    assert "--manifest" in message
    assert found == speakers, "the pattern that is advised finds them"


@pytest.mark.parametrize(
    "names",
    [
        [f"{i}.mp4" for i in range(6)],
        [f"c{i:03}_vox2_{i:05}.mp4" for i in range(6)],
        ["anna.mp4", "bert.mp4", "the cat.mp4", "the dog.mp4", "carl.mp4", "dora.mp4"],
        [f"speaker {i}/{j}.mp4" for i in range(4) for j in range(3)],
        ["anna/1.mp4"],
        ["anna.mp4", "bert/1.mp4", "bert/2.mp4"],
    ],
)
def test_no_warning_without_a_reason(warn, names):
    assert warn(*names, **NO_SPLITS)[0] == []


@pytest.mark.parametrize(
    ("names", "speakers"),
    [
        (["train/a_1", "train/a_2", "test/b_1"], ["a", "b"]),
        (["x/anna/1", "x/anna/2", "x/bert/1"], ["anna", "bert"]),
        (["x/anna/1", "y/anna/2", "z/bert/1", "z/bert/2"], ["anna", "bert"]),
    ],
)
def test_a_few_folders_that_hold_everything(warn, names, speakers):
    [message], found = warn(*(f"{name}.mp4" for name in names), **NO_SPLITS)
    assert "named by the first folder" in message
    assert found == speakers


def test_voxceleb2_without_its_layout_is_recognized(warn):
    [message], _ = warn("dev/mp4/id00012/x/1.mp4", "dev/mp4/id00013/x/1.mp4", "test/mp4/id00014/x/1.mp4", **NO_SPLITS)
    assert "--layout voxceleb2" in message


def test_who_says_who_speaks_is_not_warned(warn):
    names = ("anna_1.mp4", "anna_2.mp4")
    assert warn(*names, speaker_pattern="^(?P<speaker>.)", **NO_SPLITS)[0] == []


def test_splits_that_nobody_is_drawn_for_and_shares_that_help(warn):
    names = [f"{i}.mp4" for i in range(6)]
    [message], _ = warn(*names)
    assert "no video is in val or test" in message
    advised = {name: float(value) for name, value in re.findall(r"--(val|test) ([\d.]+)", message)}
    assert set(advised) == {"val", "test"}
    assert warn(*names, **advised)[0] == [], "the advised shares fill both"
    [message], _ = warn(*names, val=0.05, test=0.0)
    assert re.search(r"no video is in val: .*--val [\d.]+, or", message)


def test_splits_that_a_table_leaves_out(warn, tmp_path):
    table = tmp_path / "speakers.csv"
    table.write_text("speaker,split\n0,train\n1,test\n")
    messages, _ = warn("0.mp4", "1.mp4", manifest=table)
    [message] = [message for message in messages if "no video is in" in message]
    assert "no video is in val: name speakers for it in the column split" in message


def test_one_speaker_cannot_be_divided(warn):
    [message], _ = warn("anna.mp4")
    assert "1 speaker cannot be divided" in message
