import csv
import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from a2k_nets.residual.model import Audio2Keypoint
from a2k_train.cli.app import app
from a2k_train.config.toml_file import config_to_toml, read_config
from a2k_train.reports.results_table import ROWS


@pytest.fixture
def settings(tiny, tmp_path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(config_to_toml(tiny))
    return path


@pytest.fixture
def checkpoint(tiny, corpus, tmp_path, clips) -> Path:
    from a2k_train.statistics.residual import fit_statistics

    model = Audio2Keypoint(tiny.model)
    fit_statistics(model, clips)
    return model.save_pretrained(tmp_path / "checkpoint")


def run(*arguments) -> "tuple[int, str, str]":
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    return result.exit_code, result.stdout, result.stderr


def error_of(*arguments) -> str:
    code, out, err = run(*arguments)
    assert code == 1, err
    assert not out.strip()
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    return err


class TestFit:
    def test_trains_and_goes_on(self, corpus, settings, tmp_path):
        folder = tmp_path / "run"
        code, out, err = run("fit", corpus, "--run", folder, "--config", settings)
        assert code == 0, err
        assert "4 clips" in out
        assert str(folder / "model.safetensors") in out
        assert Audio2Keypoint.from_pretrained(folder).config.width == 8
        assert run("fit", corpus, "--run", folder, "--config", settings)[0] == 0

    def test_options_go_before_the_file(self, corpus, settings, tmp_path):
        code, _, err = run("fit", corpus, "--run", tmp_path / "run", "--config", settings, "--steps", 2, "--seed", 7)
        assert code == 0, err
        config = read_config(tmp_path / "run" / "config.toml")
        assert (config.steps, config.seed) == (2, 7)

    @pytest.mark.parametrize("splits", ["train,val", "train, val", "val ,train"])
    def test_several_splits(self, corpus, settings, tmp_path, splits):
        code, out, err = run(
            "fit", corpus, "--run", tmp_path / "run", "--config", settings, "--steps", 1, "--splits", splits
        )
        assert code == 0, err
        assert "6 clips" in out

    def test_other_settings_in_the_same_folder(self, corpus, settings, tmp_path):
        assert run("fit", corpus, "--run", tmp_path / "run", "--config", settings)[0] == 0
        assert "another run folder" in error_of(
            "fit", corpus, "--run", tmp_path / "run", "--config", settings, "--seed", 1
        )


class TestCrossval:
    def test_every_clip_is_scored_once_a_row(self, corpus, settings, tmp_path):
        folder = tmp_path / "run"
        arguments = ("crossval", corpus, "--run", folder, "--config", settings, "--steps", 1, "--folds", 2)
        code, out, err = run(*arguments)
        assert code == 0, err
        assert "6 clips, 6 speakers" in out
        assert sorted(path.name for path in folder.iterdir()) == [
            "clips.csv",
            "fold-0",
            "fold-1",
            "heads.md",
            "table.json",
            "table.md",
        ]
        with (folder / "clips.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert sorted(row["clip"] for row in rows if row["row"] == "model") == [f"clip{i}" for i in range(6)]
        assert {row["fold"] for row in rows} == {"0", "1"}
        seeds = [read_config(folder / f"fold-{fold}" / "config.toml").seed for fold in range(2)]
        assert seeds == [0, 1]
        before = (folder / "table.md").read_text(encoding="utf-8")
        assert run(*arguments)[0] == 0
        assert (folder / "table.md").read_text(encoding="utf-8") == before

    def test_more_folds_than_speakers(self, corpus, settings, tmp_path):
        arguments = ("crossval", corpus, "--run", tmp_path / "run", "--config", settings, "--folds", 7)
        assert "at least 7 speakers" in error_of(*arguments)


class TestEvaluate:
    def test_the_table(self, corpus, checkpoint, tmp_path):
        code, out, err = run("evaluate", corpus, "--model", checkpoint, "--out", tmp_path / "scores")
        assert code == 0, err
        assert "2 clips, 2 speakers" in out
        written = (tmp_path / "scores" / "table.md").read_text(encoding="utf-8")
        assert all(f"| {row} |" in written for row in ROWS)
        assert len(json.loads((tmp_path / "scores" / "table.json").read_text())["values"]) == len(ROWS)
        assert {path.name for path in (tmp_path / "scores").glob("*.png")} == {"correlation.png", "mouth.png"}

    def test_without_a_folder_nothing_is_written(self, corpus, checkpoint, tmp_path):
        before = sorted(tmp_path.rglob("*"))
        assert run("evaluate", corpus, "--model", checkpoint, "--splits", "train")[0] == 0
        assert sorted(tmp_path.rglob("*")) == before

    def test_a_pickle(self, corpus, tmp_path):
        torch.save({}, tmp_path / "model.pt")
        assert "pickle" in error_of("evaluate", corpus, "--model", tmp_path / "model.pt")

    def test_a_truncated_model(self, corpus, checkpoint):
        checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
        assert "model.safetensors" in error_of("evaluate", corpus, "--model", checkpoint)


class TestPaper:
    @pytest.fixture
    def small(self, tiny_paper, tmp_path) -> Path:
        path = tmp_path / "paper.toml"
        path.write_text(config_to_toml(tiny_paper))
        return path

    def test_trains_validates_and_publishes(self, corpus, small, tmp_path):
        run_folder = tmp_path / "run"
        arguments = ("fit", corpus, "--run", run_folder, "--config", small, "--set", "validate_every=2")
        code, out, err = run(*arguments)
        assert code == 0, err
        assert (run_folder / "validation" / "step-000002" / "video.mp4").is_file()
        assert run("publish", run_folder, "-o", tmp_path / "out", "--which", "best")[0] == 0
        code, out, err = run("evaluate", corpus, "--model", tmp_path / "out", "--out", tmp_path / "scores")
        assert code == 0, err
        assert "hold reference" in out
        assert (tmp_path / "scores" / "table.tex").is_file()

    @pytest.mark.parametrize("cache", ["disk", "device"])
    def test_where_clips_are_held_changes_nothing(self, corpus, small, tmp_path, cache):
        for name in ("memory", cache):
            assert run("fit", corpus, "--run", tmp_path / name, "--config", small, "--cache", name)[0] == 0
        logs = [(tmp_path / name / "log.jsonl").read_text() for name in ("memory", cache)]
        assert logs[0] == logs[1]

    def test_the_ablation(self, corpus, small, tmp_path):
        arguments = ("ablate", corpus, "--run", tmp_path / "run", "--config", small)
        # One variant alone, as beside others; the whole then finds it done.
        assert run(*arguments, "--only", "final")[0] == 0
        before = (tmp_path / "run" / "final" / "state.safetensors").stat().st_mtime_ns
        code, _, err = run(*arguments)
        assert code == 0, err
        assert (tmp_path / "run" / "final" / "state.safetensors").stat().st_mtime_ns == before
        for name in ("table.md", "table.csv", "table.tex", "claims.md", "figure3.png"):
            assert (tmp_path / "run" / name).is_file()
        rows = (tmp_path / "run" / "table.md").read_text()
        for row in ("mean face", "hold reference", "audio_only", "no_piv", "no_discriminator", "final", "ground truth"):
            assert f"| {row} |" in rows

    def test_an_ablation_of_the_wrong_preset(self, corpus, settings, tmp_path):
        assert "preset paper" in error_of("ablate", corpus, "--run", tmp_path / "run", "--config", settings)

    def test_folds_are_of_the_other_preset(self, corpus, small, tmp_path):
        assert "residual" in error_of("crossval", corpus, "--run", tmp_path / "run", "--config", small)

    @pytest.mark.parametrize("device", ["cuda:99", "cuda:x", "gpu"])
    def test_a_device_that_is_not_there(self, corpus, small, tmp_path, device):
        assert f"got {device}" in error_of("fit", corpus, "--run", tmp_path, "--config", small, "--device", device)

    def test_what_no_memory_holds(self, corpus, small, tmp_path):
        told = error_of("fit", corpus, "--run", tmp_path, "--config", small, "--set", f"window_frames={10**14}")
        assert "smaller batch_size" in told


@pytest.mark.parametrize("command", ["fit", "crossval", "evaluate"])
class TestWhatFails:
    @pytest.fixture
    def rest(self, command, checkpoint, settings, tmp_path) -> tuple[object, ...]:
        return ("--model", checkpoint) if command == "evaluate" else ("--run", tmp_path / "run", "--config", settings)

    def test_no_manifest(self, command, rest, tmp_path):
        (tmp_path / "empty").mkdir()
        assert "manifest.csv" in error_of(command, tmp_path / "empty", *rest)

    def test_no_folder(self, command, rest, tmp_path):
        assert "absent" in error_of(command, tmp_path / "absent", *rest)

    def test_no_clips(self, command, rest, tmp_path):
        (tmp_path / "manifest.csv").write_text("id,speaker,split\na,ada,train\nb,bob,val\n")
        assert "kp-io annotate" in error_of(command, tmp_path, *rest)

    def test_a_split_that_nobody_is_in(self, command, rest, corpus):
        assert "split hard" in error_of(command, corpus, *rest, "--splits", "hard")

    def test_broken_keypoints(self, command, rest, tmp_path):
        (tmp_path / "manifest.csv").write_text("id,speaker,split\na,ada,train\nb,bob,val\n")
        for name in "ab":
            (tmp_path / f"{name}.npz").write_bytes(b"PK")
        assert ".npz" in error_of(command, tmp_path, *rest)


@pytest.mark.parametrize("command", ["fit", "crossval"])
class TestSettingsThatFail:
    @pytest.mark.parametrize("text", ["{", "[]", "stepz = 1", "steps = -1", 'steps = "ten"'])
    def test_a_file_that_is_none(self, as_users_run_it, command, corpus, tmp_path, text):
        (tmp_path / "bad.toml").write_text(text)
        error_of(command, corpus, "--run", tmp_path / "run", "--config", tmp_path / "bad.toml")
        assert not (tmp_path / "run").exists()

    def test_a_file_that_is_not_there(self, command, corpus, tmp_path):
        assert "absent.toml" in error_of(
            command, corpus, "--run", tmp_path / "run", "--config", tmp_path / "absent.toml"
        )

    def test_a_folder_that_cannot_be(self, command, corpus, settings, tmp_path):
        (tmp_path / "file").write_text("not a folder")
        error_of(command, corpus, "--run", tmp_path / "file" / "run", "--config", settings)

    def test_usage(self, command, corpus, tmp_path):
        assert run(command, corpus)[0] == 2
        assert run(command, corpus, "--run", tmp_path / "run", "--steps", 0)[0] == 2
