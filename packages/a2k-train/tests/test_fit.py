"""A training in a folder: what it leaves, and how it goes on after whatever stopped it."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from a2k_nets.checkpoints.checkpoint import read_tensors
from a2k_nets.pretrained import load_model
from a2k_nets.residual.model import Audio2Keypoint
from a2k_train.config.toml_file import config_to_toml
from a2k_train.data.open_clips import open_clips
from a2k_train.training.fit import fit
from a2k_train.training.trainer import Trainer


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    different = [name for name in a if not torch.equal(a[name], b[name])]
    assert not different


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


class TestFit:
    def test_what_a_run_leaves(self, tiny, store, tmp_path):
        told = []
        model = fit(tiny, store, tmp_path / "runs" / "one", on_step=lambda step, losses: told.append(step))
        run = tmp_path / "runs" / "one"
        assert sorted(path.name for path in run.iterdir()) == [
            ".lock",
            "config.toml",
            "log.jsonl",
            "model.safetensors",
            "state.safetensors",
            "tensorboard",
        ]
        assert told == [1, 2, 3, 4]
        assert (run / "config.toml").read_text() == config_to_toml(tiny)
        log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
        assert [entry["step"] for entry in log] == [2, 4]
        assert all(isinstance(entry["expression"], float) for entry in log)
        loaded = Audio2Keypoint.from_pretrained(run)
        assert loaded.config == tiny.model
        assert_same(dict(loaded.state_dict()), dict(model.state_dict()))

    def test_a_finished_run_is_not_trained_again(self, tiny, store, tmp_path):
        fit(tiny, store, tmp_path)
        before = read_tensors(tmp_path / "model.safetensors")[0]
        fit(tiny, store, tmp_path, on_step=lambda *_: pytest.fail("expected no further step"))
        assert_same(read_tensors(tmp_path / "model.safetensors")[0], before)

    def test_other_settings_do_not_touch_the_run(self, tiny, store, tmp_path):
        fit(tiny, store, tmp_path)
        before = files_of(tmp_path)
        with pytest.raises(ValueError, match="choose another run folder"):
            fit(replace(tiny, seed=5), store, tmp_path)
        assert files_of(tmp_path) == before

    def test_two_at_once_in_one_folder(self, tiny, store, tmp_path):
        fit(tiny, store, tmp_path)
        before = read_tensors(tmp_path / "model.safetensors")[0]

        def second(step, losses):
            with pytest.raises(OSError, match=r"expected no other training in .* one is running"):
                fit(tiny, store, tmp_path / "other")

        fit(tiny, store, tmp_path / "other", on_step=second)
        assert_same(read_tensors(tmp_path / "other" / "model.safetensors")[0], before)

    def test_a_log_that_is_no_text_stops_nothing(self, tiny, store, tmp_path):
        fit(replace(tiny, checkpoint_every=1), store, tmp_path)
        whole = (tmp_path / "log.jsonl").read_bytes().splitlines(keepends=True)
        (tmp_path / "log.jsonl").write_bytes(b"".join([whole[0], b"\xff\xfe\n[1]\n", *whole[1:]]))
        fit(replace(tiny, checkpoint_every=1), store, tmp_path)
        assert (tmp_path / "log.jsonl").read_bytes().splitlines(keepends=True) == whole

    @pytest.mark.parametrize("text", ["", "{}", "[1]", '{"score": "good"}'])
    def test_a_damaged_score_of_the_best(self, tiny, store, tmp_path, text):
        (tmp_path / "best").mkdir()
        (tmp_path / "best" / "score.json").write_text(text)
        with pytest.raises(ValueError, match=r"got the damaged file .*score\.json; remove it"):
            fit(replace(tiny, validate_every=2), store, tmp_path, validate=lambda model, step: 1.0)

    def test_a_loss_that_is_not_finite_stops_and_keeps_the_state(self, tiny, store, tmp_path, monkeypatch):
        steps = replace(tiny, checkpoint_every=1)

        def poison(step, losses):
            if step == 2:
                monkeypatch.setattr("a2k_train.recipes.residual.augment_mel", lambda mel, **_: mel * float("nan"))

        with pytest.raises(FloatingPointError, match=r"step 2: loss .*expression.* not finite"):
            fit(steps, store, tmp_path, on_step=poison)
        trainer = Trainer(steps, store)
        trainer.load(tmp_path / "state.safetensors")
        assert trainer.step == 2
        assert all(bool(torch.isfinite(p).all()) for p in trainer.model.parameters())

    @pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a signal that nothing can catch")
    @pytest.mark.parametrize("preset", ["residual", "paper"])
    def test_a_killed_run_goes_on_to_the_same_weights(self, preset, tiny, tiny_paper, corpus, tmp_path):
        config = replace(tiny if preset == "residual" else tiny_paper, steps=7, checkpoint_every=2)
        settings = tmp_path / "settings.toml"
        settings.write_text(config_to_toml(config))
        program = """
import os, signal, sys
from pathlib import Path
import torch
from a2k_train.data.open_clips import open_clips
from a2k_train.config.toml_file import read_config
from a2k_train.training.fit import fit

def stop(step, losses):
    if step == 5:
        os.kill(os.getpid(), signal.SIGKILL)

torch.set_num_threads(1)
config = read_config(Path(sys.argv[1]))
fit(config, open_clips(sys.argv[2], splits=("train",)), sys.argv[3], on_step=stop)
"""
        killed, straight = tmp_path / "killed", tmp_path / "straight"
        done = subprocess.run(
            [sys.executable, "-c", program, str(settings), str(corpus), str(killed)],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert not (killed / "model.safetensors").exists()
        store = open_clips(corpus, splits=("train",))
        steps = []
        fit(config, store, killed, on_step=lambda step, losses: steps.append(step))
        assert steps == [5, 6, 7]
        fit(config, store, straight)
        for name in ("model.safetensors", "state.safetensors"):
            assert_same(read_tensors(killed / name)[0], read_tensors(straight / name)[0])
        assert (killed / "log.jsonl").read_text() == (straight / "log.jsonl").read_text()


class TestValidation:
    def test_the_best_is_kept_and_the_last_as_well(self, tiny_paper, store, tmp_path):
        scores = iter([0.5, 0.25, 0.75, 0.3])
        config = replace(tiny_paper, validate_every=1)
        models = []

        def validate(model, step):
            models.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
            return next(scores)

        fit(config, store, tmp_path, validate=validate)
        assert_same(dict(load_model(tmp_path / "best").state_dict()), models[1])
        assert_same(dict(load_model(tmp_path).state_dict()), models[3])
        assert json.loads((tmp_path / "best" / "score.json").read_text()) == {"score": 0.25, "step": 2}

    def test_it_changes_nothing_in_the_training(self, tiny_paper, store, tmp_path):
        fit(tiny_paper, store, tmp_path / "without")
        fit(replace(tiny_paper, validate_every=1), store, tmp_path / "with", validate=lambda model, step: 0.0)
        states = [read_tensors(tmp_path / name / "state.safetensors")[0] for name in ("without", "with")]
        assert_same(*states)


def test_a_disk_that_fills_keeps_the_last_state(tiny, store, tmp_path, monkeypatch):
    def fill(step, losses):
        if step == 3:
            monkeypatch.setattr("a2k_nets.checkpoints.atomic.secrets.token_hex", full_disk)

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fit(tiny, store, tmp_path, on_step=fill)
    monkeypatch.undo()
    steps = []
    fit(tiny, store, tmp_path, on_step=lambda step, losses: steps.append(step))
    assert steps == [3, 4]


def test_a_run_does_not_become_shorter(tiny_paper, store, tmp_path):
    fit(tiny_paper, store, tmp_path)
    before = files_of(tmp_path)
    with pytest.raises(ValueError, match="expected at least 4 steps"):
        fit(replace(tiny_paper, steps=2), store, tmp_path)
    assert files_of(tmp_path) == before


def test_tensorboard_reads_the_log(tiny, store, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    fit(tiny, store, tmp_path)
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("expression")] == [2, 4]


def test_a_line_that_a_crash_cut_short_is_dropped(tiny, store, tmp_path):
    fit(replace(tiny, checkpoint_every=1), store, tmp_path)
    lines = (tmp_path / "log.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "log.jsonl").write_text("".join(lines[:3]) + lines[3][:5])
    fit(replace(tiny, checkpoint_every=1), store, tmp_path)
    assert (tmp_path / "log.jsonl").read_text() == "".join(lines[:3])
