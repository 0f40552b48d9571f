"""The commands that learn from speech without video."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from a2k_train.cli.app import app
from a2k_train.config.toml_file import config_to_toml, read_config
from kp_io.media.audio import write_audio


@pytest.fixture
def speech(tmp_path, make) -> Path:
    folder = tmp_path / "speech"
    folder.mkdir()
    for seed in range(2):
        write_audio(folder / f"{seed}.wav", make(seed, frames=40).waveform, sample_rate=16_000)
    return folder


@pytest.fixture
def settings(tiny, tmp_path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(config_to_toml(tiny), encoding="utf-8")
    return path


def run(*arguments) -> "tuple[int, str, str]":
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def error_of(*arguments) -> str:
    code, _, err = run(*arguments)
    assert code == 1
    assert err.count("error: ") == 1
    return err


def test_ears_then_lips(corpus, speech, settings, tmp_path):
    ears, lips = tmp_path / "ears", tmp_path / "lips"
    code, out, err = run("pretrain", speech, "--run", ears, "--config", settings, "--steps", 2)
    assert code == 0, err
    assert "from 2 recordings; unexplained variance of the features: " in out
    assert len(list((speech / ".cache").glob("features-*.safetensors"))) == 1
    taught = ("--speech", speech, "--teacher", "listener", "--set", "taught_windows=2", "--set", f'ears="{ears}"')
    code, out, err = run("fit", corpus, "--run", lips, "--config", settings, "--steps", 2, *taught)
    assert code == 0, err
    assert "taught " in out
    assert read_config(lips / "config.toml").ears == str(ears)


def test_speech_and_teacher_go_together(corpus, speech, settings, tmp_path):
    arguments = ("fit", corpus, "--run", tmp_path / "run", "--config", settings)
    assert "--speech and --teacher together" in error_of(*arguments, "--speech", speech)
    assert "taught_windows is above 0" in error_of(*arguments, "--speech", speech, "--teacher", "listener")
    teacher = ("--speech", speech, "--teacher", tmp_path)
    assert "run folder of a cross-validation" in error_of("crossval", *arguments[1:], "--folds", 2, *teacher)


def test_no_speech(corpus, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "expected recordings of speech" in error_of("pretrain", tmp_path / "empty", "--run", tmp_path / "run")
