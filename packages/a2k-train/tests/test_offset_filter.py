import logging

import pytest

from a2k_train.config.toml_file import config_from_toml
from a2k_train.data.open_clips import open_clips
from kp_io.corpus.rewrite import rewrite_corpus

OFFSETS = {"clip0": (8.0, 0.99), "clip1": (-90.0, 0.95), "clip2": (120.0, 0.4), "clip3": (40.0, 0.97)}


def measure(corpus):
    columns = ("sync_offset_ms", "sync_confidence")
    rewrite_corpus(corpus, lambda clip: dict(zip(columns, OFFSETS[clip.id], strict=True)), columns=columns)


@pytest.fixture
def measured(tmp_path, make, write_corpus):
    """Four clips: one in sync, one early, one late but doubtful, one late by 40 ms."""
    corpus = write_corpus(tmp_path / "corpus", [make(seed, frames=30) for seed in range(4)])
    measure(corpus)
    return corpus


@pytest.mark.parametrize(
    ("limit", "kept"),
    [(0.0, "0123"), (20.0, "02"), (40.0, "023"), (100.0, "0123")],
)
def test_clips_that_are_surely_off_are_left_out(measured, caplog, limit, kept):
    with caplog.at_level(logging.WARNING):
        store = open_clips(measured, splits=("train",), max_offset_ms=limit)
    assert list(store.ids) == [f"clip{number}" for number in kept]
    expected = f"{4 - len(kept)} of 4 clips are left out: sound and picture are more than {limit:g} ms apart"
    assert caplog.messages == ([expected] if limit else [])


def test_a_disk_cache_belongs_to_its_limit(measured):
    ids = [
        list(open_clips(measured, splits=("train",), cache="disk", max_offset_ms=limit).ids)
        for limit in (0.0, 40.0, 0.0, 40.0)
    ]
    assert [len(names) for names in ids] == [4, 3, 4, 3]


def test_a_corpus_that_was_not_measured_is_one_error(tmp_path, make, write_corpus):
    corpus = write_corpus(tmp_path / "corpus", [make(0, frames=30)])
    with pytest.raises(ValueError, match=r"max_offset_ms = 40, found none for clip0; `a2k sync CORPUS` measures"):
        open_clips(corpus, splits=("train",), max_offset_ms=40.0)


def test_so_is_a_folder_of_single_files(corpus):
    with pytest.raises(ValueError, match=r"found none for clip0; .*of a corpus from `kp-io build`"):
        open_clips(corpus, splits=("train",), max_offset_ms=40.0)


def test_nothing_left_and_negative_limits_are_errors(tmp_path, make, write_corpus):
    corpus = write_corpus(tmp_path / "corpus", [make(0, frames=30)])
    late = {"sync_offset_ms": 200.0, "sync_confidence": 1.0}
    rewrite_corpus(corpus, lambda clip: late, columns=tuple(late))
    with pytest.raises(
        ValueError, match=r"at most 40 ms from the picture, got 1 that are further; `a2k sync CORPUS --ap"
    ):
        open_clips(corpus, splits=("train",), max_offset_ms=40.0)
    with pytest.raises(ValueError, match="at least 0, got -1"):
        open_clips(corpus, splits=("train",), max_offset_ms=-1.0)
    with pytest.raises(ValueError, match="expected max_offset_ms of at least 0, got -1"):
        config_from_toml("max_offset_ms = -1.0")


def test_the_command_takes_it_and_the_run_keeps_it(tmp_path, make, write_corpus):
    from typer.testing import CliRunner

    from a2k_train.cli.app import app

    corpus, run = write_corpus(tmp_path / "corpus", [make(seed, frames=60) for seed in range(4)]), tmp_path / "run"
    settings = ["--set", "model.width=8", "--set", "window_frames=16", "--set", "batch_size=2", "--steps", "1"]
    command = ["fit", str(corpus), "--run", str(run), *settings, "--max-offset", "40"]
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 1
    assert "a2k sync CORPUS" in refused.stderr
    measure(corpus)
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "trained on 3 clips" in done.stdout
    assert config_from_toml((run / "config.toml").read_text("utf-8")).max_offset_ms == 40
