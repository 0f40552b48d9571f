"""The scripts that write docs/internals/robustness.md, on made-up clips, whose figures say nothing."""

import csv
import importlib
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from a2k_train.data.open_clips import open_clips
from a2k_train.experiments.crossval import cross_validate

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="the benchmarks are in the repository, not in packages")


@pytest.fixture
def script(monkeypatch):
    """Load one of the scripts, whose siblings it imports as if it were started, and forget them all again."""
    pytest.importorskip("matplotlib", reason="the plot needs the extra a2k-train[plots]")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and Path(sys.modules[name].__file__).is_relative_to(BENCHMARKS):
            del sys.modules[name]


@pytest.fixture(scope="module")
def run(corpus, tiny, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    cross_validate(tiny, open_clips(corpus, splits=("train",)), folder, folds=2)
    return folder


def start(command, *arguments):
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def rows(path: Path, row: str) -> dict[str, float]:
    with path.open(newline="") as file:
        return {r["clip"]: float(r["mouth_correlation"]) for r in csv.DictReader(file) if r["row"] == row}


def test_robustness(script, run, corpus, tmp_path):
    robustness, out, page = script("robustness"), tmp_path / "out", tmp_path / "page.md"
    (tmp_path / "images").mkdir()
    page.write_text("before\n<!-- robustness -->\nold\n<!-- /robustness -->\nafter\n")
    given = [corpus, "--model", run, "--splits", "train", "--out", out]
    result = start(robustness.robustness, *given, "--page", page)
    assert result.exit_code == 0, result.output
    text = (out / "robustness.md").read_text()
    for row in ("clean", "babble 20 dB", "street 0 dB", "music 5 dB", "reverb 0.6 s", "telephone", "whisper", "child"):
        assert f"| {row} |" in text
    assert "4 clips, 4 speakers; means over speakers. The keypoints are all finite." in text
    assert text.count("| digital silence |") == 2
    assert page.read_text() == f"before\n<!-- robustness -->\n\n{text}\n<!-- /robustness -->\nafter\n"
    assert (out / "robustness.png").read_bytes().startswith(b"\x89PNG")
    # Clean speech is what the cross-validation itself heard, clip by clip with the same model.
    assert rows(out / "clips.csv", "clean") == pytest.approx(rows(run / "clips.csv", "model"), abs=1e-3)
    assert rows(out / "clips.csv", "gain -30 dB") != rows(out / "clips.csv", "clean")

    other = start(robustness.robustness, corpus, "--model", run, "--splits", "val", "--out", out)
    assert (other.exit_code, other.output.count("\n")) == (1, 1)
    assert "give the same corpus and splits" in other.output


def test_languages(script, run, corpus, tmp_path, monkeypatch):
    pytest.importorskip("espeakng_loader", reason="speech from text needs the extra kp-io[tts]")
    languages, out, table = script("languages"), tmp_path / "out", tmp_path / "table.csv"
    monkeypatch.setattr(languages, "TEXTS", {"en": "Good morning.", "pl": "Dzień dobry."})
    monkeypatch.setattr(languages, "VOICES", ("f2",))
    table.write_text("id,language\nclip0,en\nclip1,pl\nclip2,en\nclip3,en\n")
    given = [corpus, "--model", run, "--splits", "train", "--table", table, "--out", out]
    result = start(languages.languages, *given)
    assert result.exit_code == 0, result.output
    text = (out / "languages.md").read_text()
    assert "| en | 3 | 3 | 7 |" in text
    assert "| pl | 1 | 1 | 2 |" in text
    for row in ("eSpeak NG, en", "eSpeak NG, pl", "eSpeak NG, en, f2"):
        assert f"| {row} |" in text

    table.write_text("id,language\nclip0,en\n")
    assert "found none of clip" in start(languages.languages, *given).output
