"""What would make the CPU wait for a GPU in a training step, counted without a GPU."""

from dataclasses import replace

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.overrides import TorchFunctionMode

from a2k_train.recipes.augmentation import augment_mel
from a2k_train.training.loss_buffer import LossBuffer
from a2k_train.training.trainer import Trainer
from a2k_train.training.weight_average import WeightAverage


class Constructions(TorchFunctionMode):
    """Counts tensors made from Python numbers, indexing by lists, and numbers that are read back."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        if name in ("__getitem__", "__setitem__"):
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            if any(isinstance(part, list) for part in index):
                self.found.append(name)
        elif name in ("tensor", "as_tensor", "new_tensor", "item", "tolist", "__bool__", "__float__", "__int__"):
            source = args[0] if name in ("tensor", "as_tensor") else None
            if not isinstance(source, torch.Tensor):
                self.found.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("preset", ["residual", "with critic", "paper"])
def test_a_step_makes_no_tensor_of_numbers(preset, tiny, tiny_paper, store):
    settings = {
        "residual": replace(tiny, ema_decay=0.9),
        "with critic": replace(tiny, losses=replace(tiny.losses, adversarial=0.1, closure=0.1)),
        "paper": replace(tiny_paper, augment=True, ema_decay=0.9),
    }[preset]
    trainer = Trainer(settings, store)
    trainer.train_step()  # constants are made once
    batch = trainer.sampler.batch(1)
    average, trainer.average = trainer.average, None  # its counter is on the CPU
    with Constructions() as constructions:
        trainer.train_step(batch)
    assert constructions.found == []
    assert average is None or average.n_averaged.device.type == "cpu"


def test_the_augmentation_runs_where_its_generator_is():
    with Constructions() as constructions:
        augment_mel(torch.randn(2, 80, 40), generator=torch.Generator().manual_seed(0))
    assert constructions.found == []


def test_the_average_is_torchs_to_the_bit():
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
    ours, theirs = WeightAverage(model, 0.9), AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    for _ in range(4):
        for parameter in model.parameters():
            parameter.data.add_(torch.randn_like(parameter))
        model(torch.randn(5, 3))
        ours.update_parameters(model)
        theirs.update_parameters(model)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert all(torch.equal(value, theirs.state_dict()[name]) for name, value in ours.state_dict().items())


def test_the_average_is_updated_on_a_device_without_values():
    model = torch.nn.Linear(3, 3, device="meta")
    average = WeightAverage(model, 0.9)
    average.update_parameters(model)
    average.update_parameters(model)
    assert int(average.n_averaged) == 2


class TestLosses:
    def test_every_process_sees_the_mean(self, tmp_path):
        buffer = LossBuffer(flush_every=1, state=tmp_path / "state", average=lambda rows: rows + torch.nan)
        with pytest.raises(FloatingPointError, match="step 3"):
            buffer.add(3, {"a": torch.tensor(1.0)})

    def test_values_come_with_the_flush(self, tmp_path):
        buffer = LossBuffer(flush_every=2, state=tmp_path / "state")
        assert buffer.add(1, {"a": torch.tensor(1.0)}) == {}
        assert buffer.add(2, {"a": torch.tensor(2.0)}) == {"a": 2.0}
        buffer.add(3, {"a": torch.tensor(6.0)})
        assert buffer.means() == {"a": 3.0}


def test_spectrograms_are_computed_in_full_precision(tiny, store):
    seen = []
    for precision in ("32-true", "bf16-mixed"):
        trainer = Trainer(replace(tiny, precision=precision), store)
        predict = trainer.model.predict_motion
        trainer.model.predict_motion = lambda mel, face, predict=predict: seen.append(mel) or predict(mel, face)
        trainer.train_step()
    assert torch.equal(*seen)
