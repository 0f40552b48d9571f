import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from a2k_train.adversary import Adversary

from a2k_nets.checkpoint import read_tensors
from a2k_nets.config import ModelConfig
from a2k_nets.model import Audio2Keypoint
from a2k_train.config import LossWeights, train_config_to_json
from a2k_train.losses import masked_l1
from a2k_train.open_clips import open_clips
from a2k_train.state import load_state, save_state
from a2k_train.trainer import Trainer, fit


def state_of(trainer: Trainer, folder: Path) -> dict[str, torch.Tensor]:
    """Everything that a written state holds: networks, average, optimizers."""
    trainer.save(folder / "compared.safetensors")
    return read_tensors(folder / "compared.safetensors")[0]


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    different = [name for name in a if not torch.equal(a[name], b[name])]
    assert not different


@pytest.fixture(params=[0.0, 0.1], ids=["alone", "with critic"])
def settings(request, tiny):
    return replace(tiny, losses=replace(tiny.losses, adversarial=request.param))


class TestResuming:
    def test_two_and_two_steps_are_four_bit_for_bit(self, settings, clips, tmp_path):
        straight = Trainer(settings, clips)
        losses = [straight.train_step() for _ in range(4)]
        first = Trainer(settings, clips)
        for _ in range(2):
            first.train_step()
        first.save(tmp_path / "state.safetensors")
        second = Trainer(settings, clips)
        second.load(tmp_path / "state.safetensors")
        assert second.step == 2
        resumed = [second.train_step() for _ in range(2)]
        assert resumed == losses[2:]
        whole = state_of(straight, tmp_path)
        assert_same(whole, state_of(second, tmp_path))
        for part in ("model/", "average/", "optimizer/"):
            assert any(name.startswith(part) for name in whole)
        assert any(name.startswith("discriminator/") for name in whole) == (settings.losses.adversarial > 0)

    def test_the_steps_do_something(self, settings, clips, tmp_path):
        trainer = Trainer(settings, clips)
        before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
        for _ in range(2):
            trainer.train_step()
        still = [name for name, p in trainer.model.named_parameters() if torch.equal(p, before[name])]
        assert not still

    def test_seeds_differ(self, tiny, clips, tmp_path):
        a, b = (Trainer(replace(tiny, seed=seed), clips) for seed in (0, 1))
        assert a.train_step() != b.train_step()

    def test_training_draws_nothing_from_the_global_generator(self, tiny, clips):
        before = torch.random.get_rng_state()
        Trainer(tiny, clips).train_step()
        assert torch.equal(torch.random.get_rng_state(), before)

    def test_a_state_of_other_settings_is_refused(self, tiny, clips, tmp_path):
        Trainer(tiny, clips).save(tmp_path / "state.safetensors")
        with pytest.raises(ValueError, match="expected the settings"):
            Trainer(replace(tiny, learning_rate=1e-5), clips).load(tmp_path / "state.safetensors")

    def test_a_model_is_no_state(self, tiny, clips, tmp_path):
        trainer = Trainer(tiny, clips)
        with pytest.raises(ValueError, match="expected a training state"):
            trainer.load(trainer.averaged_model().save_pretrained(tmp_path))

    def test_a_truncated_state_is_refused(self, tiny, clips, tmp_path):
        trainer, path = Trainer(tiny, clips), tmp_path / "state.safetensors"
        trainer.save(path)
        path.write_bytes(path.read_bytes()[:-10])
        with pytest.raises(ValueError, match="whole safetensors"):
            trainer.load(path)


def test_optimizers_of_all_kinds_come_back(tmp_path):
    def build():
        torch.manual_seed(0)
        network = torch.nn.Linear(3, 2)
        return network, torch.optim.Adam(network.parameters(), lr=0.1, amsgrad=True)

    def train(network, optimizer):
        optimizer.zero_grad()
        network(torch.ones(1, 3)).square().sum().backward()
        optimizer.step()

    with torch.random.fork_rng(devices=[]):
        (network, optimizer), (other, other_optimizer) = build(), build()
    train(network, optimizer)
    path = tmp_path / "state.safetensors"
    save_state(path, step=1, identity={"settings": "{}"}, modules={"net": network}, optimizers={"opt": optimizer})
    assert (
        load_state(path, identity={"settings": "{}"}, modules={"net": other}, optimizers={"opt": other_optimizer}) == 1
    )
    train(network, optimizer)
    train(other, other_optimizer)
    assert torch.equal(network.weight, other.weight)


class TestAdversary:
    @pytest.fixture
    def motions(self):
        generator = torch.Generator().manual_seed(0)
        return torch.randn(2, 32, 68, 2, generator=generator), torch.randn(2, 32, 68, 2, generator=generator)

    def test_the_critics_step_leaves_the_generator(self, motions):
        adversary = Adversary(ModelConfig())
        weight = torch.nn.Parameter(torch.tensor(2.0))
        fake, real = motions
        before = [p.detach().clone() for p in adversary.discriminator.parameters()]
        adversary.train_step(weight * fake, real)
        assert weight.grad is None
        assert all(not torch.equal(p, b) for p, b in zip(adversary.discriminator.parameters(), before, strict=True))

    def test_the_generators_loss_leaves_the_critic(self, motions):
        adversary = Adversary(ModelConfig())
        weight = torch.nn.Parameter(torch.tensor(2.0))
        adversary.generator_loss(weight * motions[0]).backward()
        assert weight.grad is not None
        assert float(weight.grad.abs()) > 0
        assert all(p.grad is None for p in adversary.discriminator.parameters())
        assert all(p.requires_grad for p in adversary.discriminator.parameters())

    def test_it_learns_to_tell_them_apart(self, motions):
        adversary = Adversary(ModelConfig(), learning_rate=1e-3)
        fake, real = motions
        losses = [float(adversary.train_step(0.1 * fake, real)) for _ in range(15)]
        assert losses[-1] < 0.5 * losses[0]

    def test_within_a_step_of_training(self, tiny, clips, monkeypatch):
        trainer = Trainer(replace(tiny, losses=replace(tiny.losses, adversarial=1.0)), clips)
        critic, seen = trainer.adversary.discriminator, []

        def weights(module):
            return [p.detach().clone() for p in module.parameters()]

        def leaves(module, other, step):
            def wrapped(*args, **kwargs):
                mine, theirs = weights(module), weights(other)
                result = step(*args, **kwargs)
                seen.append(module is critic)
                assert all(torch.equal(a, b) for a, b in zip(weights(module), mine, strict=True))
                assert not all(torch.equal(a, b) for a, b in zip(weights(other), theirs, strict=True))
                return result

            return wrapped

        monkeypatch.setattr(
            trainer.adversary, "train_step", leaves(trainer.model, critic, trainer.adversary.train_step)
        )
        monkeypatch.setattr(trainer.optimizer, "step", leaves(critic, trainer.model, trainer.optimizer.step))
        trainer.train_step()
        assert sorted(seen) == [False, True]


def test_one_clip_overfits(make, tiny):
    clip = make(0, frames=120, jitter_px=0.05)
    config = replace(
        tiny,
        model=replace(tiny.model, width=24, dropout=0.0),
        steps=120,
        batch_size=4,
        window_frames=48,
        random_reference=0.0,
        ema_decay=0.9,
        learning_rate=5e-3,
    )
    trainer = Trainer(config, [clip])
    reference = clip.keypoints[:1]

    @torch.no_grad()
    def error(model: Audio2Keypoint) -> float:
        target, _ = model.normalizer.encode_motion(clip.keypoints[None], reference)
        preds, _ = model.eval().predict_motion(model.encode_audio(clip.waveform[None]), reference)
        lips = slice(*model.config.lip_points)
        # In eye distances: a point that only trembles counts for little.
        scale = model.normalizer.std_expression[lips]
        return float(masked_l1(preds[:, :, lips], target[:, :, lips], clip.measured[None], weight=scale))

    before = error(trainer.model)
    logged = [trainer.train_step()["expression"] for _ in range(config.steps)]
    assert error(trainer.averaged_model()) < 0.5 * before
    assert sum(logged[-10:]) < 0.5 * sum(logged[:10])


class TestFit:
    def test_what_a_run_leaves(self, tiny, clips, tmp_path):
        told = []
        model = fit(tiny, clips, tmp_path / "runs" / "one", on_step=lambda step, losses: told.append(step))
        run = tmp_path / "runs" / "one"
        assert sorted(path.name for path in run.iterdir()) == [
            "config.json",
            "log.jsonl",
            "model.safetensors",
            "state.safetensors",
        ]
        assert told == [1, 2, 3, 4]
        assert (run / "config.json").read_text() == train_config_to_json(tiny) + "\n"
        log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
        assert [entry["step"] for entry in log] == [2, 4]
        assert all(isinstance(entry["expression"], float) for entry in log)
        loaded = Audio2Keypoint.from_pretrained(run)
        assert loaded.config == tiny.model
        assert_same(dict(loaded.state_dict()), dict(model.state_dict()))

    def test_a_finished_run_is_not_trained_again(self, tiny, clips, tmp_path):
        fit(tiny, clips, tmp_path)
        before = read_tensors(tmp_path / "model.safetensors")[0]
        fit(tiny, clips, tmp_path, on_step=lambda *_: pytest.fail("expected no further step"))
        assert_same(read_tensors(tmp_path / "model.safetensors")[0], before)

    def test_other_settings_do_not_touch_the_run(self, tiny, clips, tmp_path):
        fit(tiny, clips, tmp_path)
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        with pytest.raises(ValueError, match="choose another run folder"):
            fit(replace(tiny, seed=5), clips, tmp_path)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before

    def test_a_loss_that_is_not_finite_stops_and_keeps_the_state(self, tiny, clips, tmp_path, monkeypatch):
        steps = replace(tiny, checkpoint_every=1)

        def poison(step, losses):
            if step == 2:
                monkeypatch.setattr("a2k_train.trainer.augment_mel", lambda mel, **_: mel * float("nan"))

        with pytest.raises(FloatingPointError, match=r"step 2: loss .*expression.* not finite"):
            fit(steps, clips, tmp_path, on_step=poison)
        trainer = Trainer(steps, clips)
        trainer.load(tmp_path / "state.safetensors")
        assert trainer.step == 2
        assert all(bool(torch.isfinite(p).all()) for p in trainer.model.parameters())

    @pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a signal that nothing can catch")
    def test_a_killed_run_goes_on_to_the_same_weights(self, tiny, corpus, tmp_path):
        config = replace(tiny, steps=7, checkpoint_every=2)
        settings = tmp_path / "settings.json"
        settings.write_text(train_config_to_json(config))
        program = """
import os, signal, sys
from pathlib import Path
import torch
from a2k_train.open_clips import open_clips
from a2k_train.config import train_config_from_json
from a2k_train.trainer import fit

def stop(step, losses):
    if step == 5:
        os.kill(os.getpid(), signal.SIGKILL)

torch.set_num_threads(1)
config = train_config_from_json(Path(sys.argv[1]).read_text())
fit(config, open_clips(sys.argv[2], splits=("train",)).clips(), sys.argv[3], on_step=stop)
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
        clips = open_clips(corpus, splits=("train",)).clips()
        steps = []
        fit(config, clips, killed, on_step=lambda step, losses: steps.append(step))
        assert steps == [5, 6, 7]
        fit(config, clips, straight)
        for name in ("model.safetensors", "state.safetensors"):
            assert_same(read_tensors(killed / name)[0], read_tensors(straight / name)[0])
        assert (killed / "log.jsonl").read_text() == (straight / "log.jsonl").read_text()


def test_the_average_moves_slower_than_the_model(tiny, clips):
    trainer = Trainer(replace(tiny, ema_decay=0.9, losses=LossWeights(), learning_rate=1e-2), clips)
    start = trainer.model.generator.expression_head.weight.detach().clone()
    for _ in range(3):
        trainer.train_step()
    model = (trainer.model.generator.expression_head.weight - start).norm()
    average = (trainer.averaged_model().generator.expression_head.weight - start).norm()
    assert 0 < float(average.detach()) < float(model.detach())


def test_other_clips_do_not_resume(make, tiny, tmp_path):
    clips = [make(i, frames=80) for i in range(3)]
    Trainer(tiny, clips).save(tmp_path / "state.safetensors")
    with pytest.raises(ValueError, match=r"expected the clips that .* was made with"):
        Trainer(tiny, clips[:2]).load(tmp_path / "state.safetensors")
