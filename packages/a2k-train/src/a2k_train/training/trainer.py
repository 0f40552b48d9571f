"""The state of a training and its steps; resumption from a checkpoint is bit-identical on a CPU."""

import hashlib
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from a2k_nets import AnyModel
from a2k_train.config.toml_file import config_to_toml
from a2k_train.config.train_config import TrainConfig
from a2k_train.data.clip_store import ClipStore
from a2k_train.data.prefetch import prefetch
from a2k_train.data.window_sampler import Batch, WindowSampler
from a2k_train.recipes.ears.lessons import Lessons
from a2k_train.recipes.make_recipe import make_recipe
from a2k_train.training.checkpoint import load_state, save_state
from a2k_train.training.first_process import on_first_process
from a2k_train.training.launch import launch
from a2k_train.training.weight_average import WeightAverage


class Trainer:
    """Holds the changing state of a run: networks, optimizers, the weights' average, the step.

    Args:
        config: The run's settings.
        store: Training clips.
        fabric: Device, precision and processes, launched; by default one process on the CPU.
        lessons: Speech and its teacher, if `taught_windows` is above 0.

    Attributes:
        recipe: The preset's networks and training step.
        average: The moving average of the model's weights, or None.
        step: Steps done.
    """

    def __init__(
        self,
        config: TrainConfig,
        store: ClipStore,
        *,
        fabric: Fabric | None = None,
        lessons: Lessons | None = None,
    ) -> None:
        self.config, self.fabric = config, fabric or launch(precision=config.precision)
        self.recipe = make_recipe(config, store, self.fabric, lessons)
        self.average = WeightAverage(self.recipe.model, config.ema_decay) if config.ema_decay > 0 else None
        self.sampler = WindowSampler(
            store,
            window_frames=config.window_frames,
            batch_size=config.batch_size,
            sampling=config.sampling,
            random_reference=config.random_reference,
            speaker_balance=config.speaker_balance,
            seed=config.seed,
            rank=self.fabric.global_rank,
            world_size=self.fabric.world_size,
        )
        self.total_steps = config.total_steps(self.sampler.steps_per_epoch)
        clips = list(zip(store.ids, store.lengths.tolist(), strict=True))
        self._clips = hashlib.sha256(repr(clips).encode()).hexdigest()
        self.step = 0

    @property
    def model(self) -> AnyModel:
        """The network in training."""
        return self.recipe.model

    def batches(self) -> AbstractContextManager[Iterator[Batch]]:
        """Return the batches of the remaining steps, each prepared while the previous one is trained on."""
        pinned = self.fabric.device.type == "cuda" and self.sampler.store.device.type == "cpu"
        return prefetch(self.sampler.batch, start=self.step, stop=self.total_steps, pin_memory=pinned)

    def train_step(self, batch: Batch | None = None) -> dict[str, Tensor]:
        """Do one step; return the losses, unweighted, on the device, by the names of their weights.

        Args:
            batch: The batch of this step, if it is ready.
        """
        if self.config.schedule == "one-cycle":
            rate = self.config.learning_rate * one_cycle(self.step, self.total_steps)
            for group in (group for optimizer in self.recipe.scheduled for group in optimizer.param_groups):
                group["lr"] = rate
        dtype = torch.float64 if self.config.precision == "64-true" else torch.float32
        batch = (batch or self.sampler.batch(self.step)).to(self.fabric.device, dtype)
        losses = self.recipe.step(batch, self.step)
        if self.average is not None:
            self.average.update_parameters(self.model)
        self.step += 1
        return losses

    def published(self) -> AnyModel:
        """Return the model that a run publishes, in eval mode: with averaged weights if there is an average."""
        model = self.model if self.average is None else self.average.module
        assert isinstance(model, AnyModel)
        return model.eval()

    def save(self, path: Path) -> None:
        """Write everything that `load` needs to resume without a difference; only the first process writes."""

        def write() -> None:
            modules, optimizers = self._state_parts()
            save_state(path, step=self.step, identity=self._identity(), modules=modules, optimizers=optimizers)

        on_first_process(self.fabric, write)

    def load(self, path: Path) -> None:
        """Resume from a written state; `a2k_train.training.checkpoint.load_state` lists what is refused."""
        modules, optimizers = self._state_parts()
        self.step = load_state(path, identity=self._identity(), modules=modules, optimizers=optimizers)

    def _identity(self) -> dict[str, str]:
        """Return the settings and clips that must not change on resumption; without a schedule, the length may."""
        config = replace(self.config, checkpoint_every=1, validate_every=0, compile=False)
        if config.schedule == "constant":
            config = replace(config, steps=1, epochs=0)
        return {"settings": config_to_toml(config), "clips": self._clips}

    def _state_parts(self) -> tuple[dict[str, nn.Module], dict[str, Optimizer]]:
        modules = self.recipe.modules | ({} if self.average is None else {"average": self.average})
        return modules, self.recipe.optimizers


def one_cycle(step: int, steps: int, *, warmup: float = 0.1) -> float:
    """Return the learning rate at a step relative to its peak: linear warm-up, then cosine decay.

    Example:
        >>> [round(one_cycle(step, 100), 2) for step in (0, 9, 55, 99)]
        [0.1, 1.0, 0.5, 0.0]
    """
    rise = max(1, round(steps * warmup))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))
