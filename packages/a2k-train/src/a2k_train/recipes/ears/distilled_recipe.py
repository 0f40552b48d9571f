"""The training step of the preset `residual` with a teacher: clips, and speech with generated keypoints."""

import torch
from lightning_fabric import Fabric
from torch import Tensor

from a2k_nets import Audio2Keypoint
from a2k_train.config.train_config import TrainConfig
from a2k_train.data.window_sampler import Batch
from a2k_train.recipes.ears.lessons import Lessons
from a2k_train.recipes.residual import ResidualRecipe

#: Losses that are not computed on the teacher's keypoints, because its head is still.
_UNTAUGHT = ("pose", "head_motion_gain", "adversarial")


class DistilledRecipe(ResidualRecipe):
    """The `residual` preset's network, trained in each step on clips and on windows that a teacher labels.

    The teacher's windows are augmented like the clips, and have the same losses, except those of the head. Their
    weighted sum is the loss `taught`.

    Args:
        config: Settings; `taught_windows` is above 0.
        model: The network.
        lessons: Teacher and speech.
        fabric: Device, precision and processes.
    """

    def __init__(self, config: TrainConfig, model: Audio2Keypoint, lessons: Lessons, fabric: Fabric) -> None:
        super().__init__(config, model, None, fabric)
        fabric.to_device(lessons.teacher)
        self._lessons = lessons
        self._sampler = lessons.sampler(
            windows=config.taught_windows,
            window_frames=config.window_frames,
            rank=fabric.global_rank,
            world_size=fabric.world_size,
        )
        self._current_step = 0

    def step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Update the network by a batch of clips and a batch of labelled speech; return the losses, unweighted."""
        self._current_step = step
        return super().step(batch, step)

    def _losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        losses = super()._losses(batch, generator)
        device = batch.waveform.device
        windows = self._sampler.batch(self._current_step).to(device)
        faces = torch.randint(len(batch.reference), (len(windows.waveform),), generator=generator, device=device)
        with torch.autocast(device.type, enabled=False):
            lesson = self._lessons.teach(windows, batch.reference[faces])
        taught = super()._losses(lesson, generator)
        losses["taught"] = self._weighted_sum({name: x for name, x in taught.items() if name not in _UNTAUGHT})
        return losses
