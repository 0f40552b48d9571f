"""What `fit` and `evaluate` say at their end, in a pipe, and where a corpus lacks something."""

import csv
import shutil

import pytest
from typer.testing import CliRunner

from a2k_train.cli import app
from a2k_train.cli.console import duration
from a2k_train.config.toml_file import config_to_toml


def run(*arguments):
    done = CliRunner().invoke(app, [str(part) for part in arguments])
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture
def settings(tiny, tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(config_to_toml(tiny))
    return path


def rewritten(corpus, folder, change):
    """A copy of the corpus whose table is changed."""
    shutil.copytree(corpus, folder)
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [change(row) for row in csv.DictReader(file)]
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return folder


def test_a_training_in_a_pipe_tells_whole_lines_and_what_is_next(corpus, settings, tmp_path):
    arguments = ("fit", corpus, "--run", tmp_path / "run", "--config", settings)
    first = run(*arguments)
    assert "4/4 steps: expression " in first.stderr
    assert "…" not in first.stderr
    assert "4 steps in " in first.stdout
    assert "last losses: expression " in first.stdout
    assert f"next: a2k-train evaluate {corpus} --model {tmp_path / 'run' / 'model.safetensors'}" in first.stdout
    again = run(*arguments)
    assert "/?" not in again.output
    assert "nothing was trained" in again.stdout


def test_without_val_all_splits_are_scored(corpus, settings, tmp_path, caplog):
    folder = rewritten(corpus, tmp_path / "six", lambda row: row | {"split": "train"})
    done = run("evaluate", folder)
    assert "no split val" in caplog.text + done.output
    assert "6 clips, 6 speakers" in done.stdout


def test_one_speaker_has_no_row_of_other_voices(corpus, tmp_path, caplog):
    folder = rewritten(corpus, tmp_path / "one", lambda row: row | {"speaker": "ada", "split": "val"})
    done = run("evaluate", folder, "--out", tmp_path / "scores")
    assert "one speaker" in caplog.text + done.output
    assert "shuffled audio" not in done.stdout
    assert "shuffled audio" not in (tmp_path / "scores" / "table.md").read_text(encoding="utf-8")


def test_the_papers_model_brings_its_mean_face(corpus, tiny_paper, tmp_path, caplog):
    settings = tmp_path / "paper.toml"
    settings.write_text(config_to_toml(tiny_paper))
    run("fit", corpus, "--run", tmp_path / "run", "--config", settings)
    folder = rewritten(corpus, tmp_path / "val", lambda row: row | {"split": "val"})
    done = run("evaluate", folder, "--model", tmp_path / "run", "--device", "cpu")
    assert "no split train" in caplog.text + done.output
    assert "mean face" in done.stdout


def test_durations():
    assert [duration(x) for x in (0.42, 61, 3_600)] == ["0.4 s", "1 min 1 s", "1 h 0 min"]
