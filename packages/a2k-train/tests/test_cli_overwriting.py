"""The `a2k-train` commands write over nothing that they read, and agree in their options."""

import pytest
from typer.testing import CliRunner

from a2k_train.cli.app import app
from a2k_train.config.toml_file import config_to_toml


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_run_does_not_replace_its_settings(corpus, tiny, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.toml").write_text(f"# my notes\n{config_to_toml(tiny)}")
    before = (folder / "config.toml").read_bytes()
    link = tmp_path / "mine.toml"
    link.symlink_to(folder / "config.toml")
    for config in (folder / "config.toml", link):
        for command in ("fit", "crossval"):
            result = run(command, corpus, "-o", folder, "--config", config)
            assert result.exit_code == 1, result.output
            assert "choose another name" in result.stderr
    assert (folder / "config.toml").read_bytes() == before
    # Its own settings again change nothing: the run goes on.
    (folder / "config.toml").write_text(config_to_toml(tiny))
    result = run("fit", corpus, "-o", folder, "--config", folder / "config.toml")
    assert result.exit_code == 0, result.output


def test_a_run_is_not_among_its_clips(corpus):
    files = sorted(corpus.rglob("*"))
    assert "choose another name" in run("fit", corpus, "--run", corpus).stderr
    assert sorted(corpus.rglob("*")) == files


def test_scores_do_not_replace_the_manifest(corpus, tmp_path):
    manifest = tmp_path / "clips.csv"
    manifest.write_text("id,speaker,split\n")
    result = run("evaluate", corpus, "--manifest", manifest, "-o", tmp_path)
    assert result.exit_code == 1
    assert "choose another name" in result.stderr
    assert manifest.read_text() == "id,speaker,split\n"


def test_a_run_is_not_published_into_itself(tmp_path):
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "model.safetensors").write_text("weights")
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "model.safetensors").symlink_to(tmp_path / "best" / "model.safetensors")
    for out in (tmp_path, tmp_path / "best", tmp_path / "link"):
        result = run("publish", tmp_path, "-o", out)
        assert result.exit_code == 1
        assert "choose another name" in result.stderr
    assert (tmp_path / "best" / "model.safetensors").read_text() == "weights"


@pytest.mark.parametrize("command", ["fit", "evaluate", "crossval", "ablate"])
def test_commands_have_the_same_options(command):
    said = run(command, "--help").output
    for option in ("--device", "--cache", "--out"):
        assert option in said
    assert "--weights" not in said


def test_the_version_is_printed():
    assert run("--version").output.startswith("a2k-train ")
