from dataclasses import replace
from pathlib import Path

import pytest
import torch

from a2k_nets.checkpoints.checkpoint import read_tensors, write_tensors
from a2k_nets.config import RENAMED_SETTINGS, RENAMED_TENSORS
from a2k_nets.residual.model import Audio2Keypoint
from a2k_train.config.train_config import LossWeights
from a2k_train.data.clip_store import ClipStore
from a2k_train.recipes.residual_losses import masked_l1
from a2k_train.training.checkpoint import load_state, save_state
from a2k_train.training.trainer import Trainer


def state_of(trainer: Trainer, folder: Path) -> dict[str, torch.Tensor]:
    """Everything that a written state holds: networks, average, optimizers."""
    trainer.save(folder / "compared.safetensors")
    return read_tensors(folder / "compared.safetensors")[0]


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    different = [name for name in a if not torch.equal(a[name], b[name])]
    assert not different


@pytest.fixture(params=["residual", "with critic", "paper", "paper, augmented"])
def settings(request, tiny, tiny_paper):
    return {
        "residual": tiny,
        "with critic": replace(tiny, losses=replace(tiny.losses, adversarial=0.1)),
        "paper": tiny_paper,
        "paper, augmented": replace(tiny_paper, augment=True, ema_decay=0.9, gradient_clip=1.0),
    }[request.param]


def as_numbers(losses: list[dict[str, torch.Tensor]]) -> list[dict[str, float]]:
    return [{name: float(value) for name, value in step.items()} for step in losses]


class TestResuming:
    def test_two_and_two_steps_are_four_bit_for_bit(self, settings, store, tmp_path):
        straight = Trainer(settings, store)
        losses = [straight.train_step() for _ in range(4)]
        first = Trainer(settings, store)
        for _ in range(2):
            first.train_step()
        first.save(tmp_path / "state.safetensors")
        second = Trainer(settings, store)
        second.load(tmp_path / "state.safetensors")
        assert second.step == 2
        resumed = [second.train_step() for _ in range(2)]
        assert as_numbers(resumed) == as_numbers(losses[2:])
        whole = state_of(straight, tmp_path)
        assert_same(whole, state_of(second, tmp_path))
        parts = {name.partition("/")[0] for name in whole}
        assert {"model"} | set(second.recipe.optimizers) <= parts
        assert ("average" in parts) == (settings.ema_decay > 0)

    def test_the_steps_do_something(self, settings, store, tmp_path):
        trainer = Trainer(settings, store)
        before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
        for _ in range(2):
            trainer.train_step()
        still = [name for name, p in trainer.model.named_parameters() if torch.equal(p, before[name])]
        assert not still

    def test_seeds_differ(self, tiny, store, tmp_path):
        a, b = (Trainer(replace(tiny, seed=seed), store) for seed in (0, 1))
        assert as_numbers([a.train_step()]) != as_numbers([b.train_step()])

    def test_training_draws_nothing_from_the_global_generator(self, tiny, store):
        before = torch.random.get_rng_state()
        Trainer(tiny, store).train_step()
        assert torch.equal(torch.random.get_rng_state(), before)

    def test_a_schedule_is_followed_by_all_of_the_papers_networks(self, tiny_paper, store):
        trainer = Trainer(replace(tiny_paper, schedule="one-cycle", steps=20), store)
        trainer.train_step()
        rates = {name: optimizer.param_groups[0]["lr"] for name, optimizer in trainer.recipe.optimizers.items()}
        assert rates == dict.fromkeys(rates, tiny_paper.learning_rate / 2)
        assert len(rates) == 3

    def test_a_state_of_other_settings_is_refused(self, tiny, store, tmp_path):
        Trainer(tiny, store).save(tmp_path / "state.safetensors")
        with pytest.raises(ValueError, match="expected the settings"):
            Trainer(replace(tiny, learning_rate=1e-5), store).load(tmp_path / "state.safetensors")

    def test_a_run_without_a_schedule_can_be_made_longer(self, tiny_paper, store, tmp_path):
        trainer = Trainer(tiny_paper, store)
        trainer.train_step()
        trainer.save(tmp_path / "state.safetensors")
        longer = Trainer(replace(tiny_paper, steps=0, epochs=9), store)
        longer.load(tmp_path / "state.safetensors")
        assert (longer.step, longer.total_steps) == (1, 9)

    def test_a_state_of_0_1_0_resumes(self, tiny, store, tmp_path):
        trainer, path = Trainer(tiny, store), tmp_path / "state.safetensors"
        trainer.train_step()
        trainer.save(path)
        tensors, metadata = read_tensors(path)
        for old, new in RENAMED_TENSORS.items():
            tensors = {name.replace(new, old): tensor for name, tensor in tensors.items()}
        assert {"model/generator.sway_head.bias", "average/module.generator.sway_head.bias"} <= set(tensors)
        for old, new in {**RENAMED_SETTINGS, "sway": "head_motion_gain"}.items():
            metadata["settings"] = metadata["settings"].replace(f"{new} = ", f"{old} = ")
        write_tensors(path, tensors, metadata)
        other = Trainer(tiny, store)
        other.load(path)
        assert_same(state_of(other, tmp_path), state_of(trainer, tmp_path))

    def test_a_model_is_no_state(self, tiny, store, tmp_path):
        trainer = Trainer(tiny, store)
        with pytest.raises(ValueError, match="expected a training state"):
            trainer.load(trainer.published().save_pretrained(tmp_path))

    @pytest.mark.parametrize("damage", ["a network", "an optimizer", "a shape", "the step"])
    def test_a_state_that_lacks_something_is_refused(self, tiny, store, tmp_path, damage):
        trainer = Trainer(tiny, store)
        trainer.train_step()
        trainer.save(tmp_path / "state.safetensors")
        tensors, metadata = read_tensors(tmp_path / "state.safetensors")
        if damage == "a network":
            tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("average")}
        elif damage == "an optimizer":
            tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("optimizer")}
        elif damage == "a shape":
            tensors = {name: x[:1] if name.endswith("exp_avg") else x for name, x in tensors.items()}
        else:
            metadata["step"] = "two"
        write_tensors(tmp_path / "state.safetensors", tensors, metadata)
        with pytest.raises(ValueError, match=r"got the damaged file .*state\.safetensors"):
            Trainer(tiny, store).load(tmp_path / "state.safetensors")

    def test_a_truncated_state_is_refused(self, tiny, store, tmp_path):
        trainer, path = Trainer(tiny, store), tmp_path / "state.safetensors"
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
    trainer = Trainer(config, ClipStore.from_clips([clip]))
    reference = clip.keypoints[:1]

    @torch.no_grad()
    def error(model: Audio2Keypoint) -> float:
        target, _ = model.normalizer.encode_motion(clip.keypoints[None], reference)
        preds, *_ = model.eval().predict_motion(model.encode_audio(clip.waveform[None]), reference)
        lips = slice(*model.config.lip_points)
        # In eye distances: a point that only trembles counts for little.
        scale = model.normalizer.std_expression[lips]
        return float(masked_l1(preds[:, :, lips], target[:, :, lips], clip.measured[None], weight=scale))

    before = error(trainer.model)
    logged = [float(trainer.train_step()["expression"]) for _ in range(config.steps)]
    assert error(trainer.published()) < 0.5 * before
    assert sum(logged[-10:]) < 0.5 * sum(logged[:10])


def test_the_average_moves_slower_than_the_model(tiny, store):
    trainer = Trainer(replace(tiny, ema_decay=0.9, losses=LossWeights(), learning_rate=1e-2), store)
    start = trainer.model.generator.expression_head.weight.detach().clone()
    for _ in range(3):
        trainer.train_step()
    model = (trainer.model.generator.expression_head.weight - start).norm()
    average = (trainer.published().generator.expression_head.weight - start).norm()
    assert 0 < float(average.detach()) < float(model.detach())


def test_other_clips_do_not_resume(make, tiny, tmp_path):
    store = ClipStore.from_clips([make(i, frames=80) for i in range(3)])
    Trainer(tiny, store).save(tmp_path / "state.safetensors")
    with pytest.raises(ValueError, match=r"expected the clips that .* was made with"):
        Trainer(tiny, store.select([0, 1])).load(tmp_path / "state.safetensors")


def test_the_papers_networks_overfit(make, tiny_paper):
    """Four faces of four sizes: the reference tells which, the sound how far the mouth is open."""
    clips = [make(seed, frames=16, jitter_px=0.0) for seed in range(4)]
    clips = [replace(clip, keypoints=(0.9 + 0.05 * i) * clip.keypoints) for i, clip in enumerate(clips)]
    config = replace(
        tiny_paper,
        model=replace(tiny_paper.model, width=0.1),
        losses=replace(tiny_paper.losses, regression=100.0),
        steps=600,
        learning_rate=3e-3,
    )
    trainer = Trainer(config, ClipStore.from_clips(clips))
    logged = [float(trainer.train_step()["regression"]) for _ in range(config.steps)]
    assert sum(logged[-10:]) < 0.25 * sum(logged[:10])
    with torch.inference_mode():
        preds = trainer.published()(
            torch.stack([clip.waveform for clip in clips]), torch.stack([clip.keypoints[0] for clip in clips])
        )
    for points, clip in zip(preds, clips, strict=True):
        opening, truth = ((face[:, 66] - face[:, 62]).norm(dim=1) for face in (points, clip.keypoints))
        assert float(torch.corrcoef(torch.stack((opening, truth)))[0, 1]) > 0.8
