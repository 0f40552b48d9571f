"""One step of the paper's training: who learns from what, and what stays untouched."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from a2k_train.config.train_config import PaperLossWeights
from a2k_train.recipes import paper_losses
from a2k_train.recipes.batch_norm import frozen_batch_norm_stats
from a2k_train.recipes.paper import PaperRecipe
from a2k_train.training.launch import launch
from a2k_train.training.trainer import Trainer


@pytest.fixture
def trainer(tiny_paper, store) -> Trainer:
    return Trainer(tiny_paper, store)


def state_of(module: nn.Module) -> dict[str, Tensor]:
    """Everything, running statistics included."""
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def changed(module: nn.Module, before: dict[str, Tensor]) -> bool:
    return any(not torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def parts_of(recipe: PaperRecipe) -> dict[str, nn.Module]:
    return {
        "discriminator": recipe.discriminator,
        "generator": recipe.model.generator,
        "piv_encoder": recipe.model.piv_encoder,
    }


@pytest.mark.parametrize("whose", ["discriminator", "generator", "piv_encoder"])
def test_an_update_leaves_the_other_networks_as_they_are(trainer, whose):
    recipe, seen = trainer.recipe, []
    parts = parts_of(recipe)
    update = recipe._steps[whose].update

    def watched(loss: Tensor) -> None:
        before = {name: state_of(part) for name, part in parts.items()}
        update(loss)
        seen.append({name for name, part in parts.items() if changed(part, before[name])})

    recipe._steps[whose].update = watched
    trainer.train_step()
    assert seen == [{whose}]


def test_the_order_is_discriminator_generator_encoder(trainer):
    order = []
    for name, optimizer_step in trainer.recipe._steps.items():

        def watched(loss: Tensor, name=name, update=optimizer_step.update) -> None:
            order.append(name)
            update(loss)

        optimizer_step.update = watched
    trainer.train_step()
    assert order == ["discriminator", "generator", "piv_encoder"]


def test_running_statistics_follow_real_references_and_generated_motion_follows_none(trainer):
    """A whole step moves each network's statistics by its own forward pass, and by no other's."""
    recipe = trainer.recipe
    counts = {}
    trainer.train_step()
    for name, part in parts_of(recipe).items():
        counts[name] = {int(m.num_batches_tracked) for m in part.modules() if hasattr(m, "num_batches_tracked")}
    assert counts == {"discriminator": {2}, "generator": {1}, "piv_encoder": {1}}


@pytest.mark.parametrize("loss", ["regression", "adversarial"])
def test_the_encoder_learns_through_the_frozen_generator(tiny_paper, store, loss):
    """With one loss of weight 1 and the others 0, E's gradient is that loss', through G's bottleneck."""
    names = ("discriminator", "regression", "adversarial", "piv", "triplet")
    weights = PaperLossWeights(**{name: float(name == loss) for name in names})
    trainer = Trainer(replace(tiny_paper, losses=weights), store)
    recipe = trainer.recipe
    gradients = {}
    update = recipe._steps["piv_encoder"].update

    def watched(total: Tensor) -> None:
        gradients["encoder"] = torch.autograd.grad(
            total, list(recipe.model.piv_encoder.parameters()), retain_graph=True
        )
        update(total)

    recipe._steps["piv_encoder"].update = watched
    trainer.train_step()
    assert any(bool(g.abs().max() > 0) for g in gradients["encoder"])


@pytest.mark.parametrize(
    ("variant", "losses"),
    [
        ("audio_only", {"discriminator", "regression", "adversarial"}),
        ("no_piv", {"discriminator", "regression", "adversarial"}),
        ("no_discriminator", {"regression", "piv", "triplet"}),
        ("final", {"discriminator", "regression", "adversarial", "piv", "triplet"}),
    ],
)
def test_the_losses_of_each_variant(tiny_paper, store, variant, losses):
    trainer = Trainer(replace(tiny_paper, model=replace(tiny_paper.model, variant=variant)), store)
    seen = trainer.train_step()
    assert set(seen) == losses
    assert all(bool(torch.isfinite(value)) for value in seen.values())


def test_only_audio_does_not_see_the_reference(tiny_paper, store):
    trainer = Trainer(replace(tiny_paper, model=replace(tiny_paper.model, variant="audio_only")), store)
    trainer.train_step()
    model = trainer.published()
    one, other = store.clip(0).keypoints[:1], 1.3 * store.clip(0).keypoints[:1]
    waveform = store.clip(0).waveform[None, :20_480]
    with torch.inference_mode():
        first, second = model(waveform, one), model(waveform, other)
    assert torch.allclose(first - first[:, :, [27]], second - second[:, :, [27]], atol=1e-3)


def test_the_critic_sees_nothing_past_the_end_of_a_clip(trainer):
    recipe = trainer.recipe
    motion = torch.randn(2, 136, 16)
    mask = torch.ones(2, 16, dtype=torch.bool)
    mask[:, 8:] = False
    other = motion.clone()
    other[:, :, 8:] += 5.0
    recipe.discriminator.eval()
    assert torch.allclose(recipe._discriminate(motion, mask), recipe._discriminate(other, mask))
    # ... and judges the points that move: the base point is not among them.
    moved = motion.clone()
    moved.view(2, 68, 2, 16)[:, 27] += torch.randn(2, 2, 16)
    assert torch.allclose(recipe._discriminate(moved, mask), recipe._discriminate(motion, mask))


def test_frozen_norm_keeps_its_statistics(tiny_paper, store):
    trainer = Trainer(replace(tiny_paper, frozen_norm=True), store)
    before = {name: state_of(part) for name, part in parts_of(trainer.recipe).items()}
    trainer.train_step()
    for name, part in parts_of(trainer.recipe).items():
        statistics = [key for key in before[name] if "running" in key]
        assert statistics
        assert all(torch.equal(part.state_dict()[key], before[name][key]) for key in statistics)
        assert changed(part, before[name])


@pytest.mark.parametrize("precision", ["bf16-mixed", "64-true"])
def test_other_precisions(tiny_paper, store, precision):
    config = replace(tiny_paper, precision=precision)
    trainer = Trainer(config, store, fabric=launch(precision=precision))
    losses = trainer.train_step()
    assert all(bool(torch.isfinite(value)) for value in losses.values())
    kind = torch.float64 if precision == "64-true" else torch.float32
    assert {p.dtype for p in trainer.model.parameters()} == {kind}


@pytest.mark.parametrize("form", ["margin", "literal"])
def test_what_the_triplet_asks_for(form):
    """The margin form pushes the generated code away; what the paper prints draws it near."""
    reference, real = torch.zeros(1, 8), torch.full((1, 8), 0.1)
    generated = torch.full((1, 8), 0.2, requires_grad=True)
    loss = paper_losses.triplet if form == "margin" else paper_losses.literal_triplet
    loss(reference, real, generated, margin=0.5).backward()
    away = bool((generated.grad < 0).all())
    assert away == (form == "margin")


def test_frozen_batch_norm_stats_normalises_by_the_batch_and_forgets_it():
    norm = nn.BatchNorm1d(3).train()
    x = 5 + 2 * torch.randn(8, 3, 4)
    with frozen_batch_norm_stats(norm, None):
        y = norm(x)
    assert float(norm.running_mean.abs().max()) == 0
    assert int(norm.num_batches_tracked) == 0
    assert torch.equal(y, nn.BatchNorm1d(3).train()(x))
    norm(x)
    assert int(norm.num_batches_tracked) == 1
