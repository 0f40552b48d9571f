"""The training step of the `residual` preset: losses of motion, velocity and lip distances, and optionally a GAN."""

from dataclasses import replace

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim import Optimizer

from a2k_nets import Audio2Keypoint
from a2k_nets.blocks import apply_similarity, invert_similarity
from a2k_nets.paper import MotionDiscriminator
from a2k_nets.residual import neutral_mouth
from a2k_train.config.train_config import LossWeights, TrainConfig
from a2k_train.data.window_sampler import Batch
from a2k_train.recipes import paper_losses
from a2k_train.recipes.augmentation import augment_mel, augment_waveform, change_tempo, insert_silence, mirror_faces
from a2k_train.recipes.base import SEED_STRIDE, Recipe
from a2k_train.recipes.batch_norm import frozen_batch_norm_stats
from a2k_train.recipes.optimizer_step import OptimizerStep, adam, adamw
from a2k_train.recipes.residual_losses import (
    OPENING,
    WIDTH,
    closure_loss,
    correlation_loss,
    lip_distances,
    masked_l1,
    valid_differences,
    velocity_loss,
)
from a2k_train.statistics.head_tracks import smooth_track
from kp_io import IBUG68

#: Learning rate of the discriminator's Adam (paper).
_DISCRIMINATOR_LEARNING_RATE = 1e-4


class ResidualRecipe(Recipe):
    """The `residual` preset's network with AdamW, and its discriminator if `adversarial` has a weight."""

    model: Audio2Keypoint
    weights: LossWeights

    def __init__(
        self, config: TrainConfig, model: Audio2Keypoint, discriminator: MotionDiscriminator | None, fabric: Fabric
    ) -> None:
        super().__init__(config, model, discriminator, fabric)
        if config.compile:
            model.generator.compile()
        optimizer = adamw(model.parameters(), config.learning_rate, config.weight_decay)
        self._model_step = OptimizerStep(fabric, optimizer, clip=config.gradient_clip)
        self._discriminator_step = None
        if discriminator is not None:
            own = adam(discriminator.parameters(), _DISCRIMINATOR_LEARNING_RATE)
            self._discriminator_step = OptimizerStep(fabric, own, clip=0.0)
        # Errors are in units of the lips' typical motion, independent of each coordinate's variance.
        std = model.normalizer.std_expression
        lips = slice(*model.config.lip_points)
        self._lip_std = float(std[lips].mean())
        self._point_weight = std / self._lip_std
        self._point_weight[lips] *= self.weights.lip

    @property
    def optimizers(self) -> dict[str, Optimizer]:
        """All optimizers by their names in the run's state."""
        steps = {"optimizer": self._model_step, "discriminator_optimizer": self._discriminator_step}
        return {name: step.optimizer for name, step in steps.items() if step is not None}

    @property
    def scheduled(self) -> list[Optimizer]:
        """The network's optimizer; the discriminator has its own learning rate."""
        return [self._model_step.optimizer]

    def step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Update the discriminator, then the network; return the losses, unweighted, by the names of their weights."""
        generator = self._generator(batch, step)
        if self.config.augment:
            batch = mirror_faces(batch, IBUG68.mirror, generator=generator)
        for module in self.modules.values():
            module.train()
        with torch.random.fork_rng(devices=[]), self._fabric.autocast():
            # Dropout draws from the global generator.
            torch.manual_seed(self.config.seed * SEED_STRIDE + self._rank_step(step))
            losses = self._losses(batch, generator)
        self._model_step.update(self._weighted_sum(losses))
        return {name: loss.detach() for name, loss in losses.items()}

    def _losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        normalizer = self.model.normalizer
        # Spectrograms and targets are computed in full precision under autocast, too.
        with torch.no_grad(), torch.autocast(batch.waveform.device.type, enabled=False):
            log_mel, batch = self._inputs(batch, generator)
            target, target_pose = normalizer.encode_motion(batch.keypoints, batch.reference)
            face = normalizer.canonicalize(batch.reference)[:, None]
            target_lips = lip_distances(face + target * normalizer.std_expression)
            target_gain = self._head_motion_gain(target_pose * normalizer.std_pose, batch.mask)
        preds, preds_pose, log_gain = self.model.predict_motion(log_mel, batch.reference)
        frames, differences = self._average(
            torch.stack((batch.mask.sum(), valid_differences(batch.mask).sum()))
        ).unbind()
        preds_lips = lip_distances(face + preds * normalizer.std_expression)
        losses = {
            "expression": masked_l1(preds, target, batch.mask, weight=self._point_weight, count=frames),
            "velocity": velocity_loss(preds, target, batch.mask, weight=self._point_weight, count=differences),
            "opening": masked_l1(preds_lips, target_lips, batch.mask, weight=1 / self._lip_std, count=frames),
            "pose": masked_l1(preds_pose, target_pose, batch.mask, weight=1.0, count=frames),
            "head_motion_gain": masked_l1(
                log_gain, target_gain[:, None].expand_as(log_gain), batch.mask, weight=1.0, count=frames
            ),
        }
        if self.weights.correlation > 0:
            losses["correlation"] = correlation_loss(
                preds_lips[..., OPENING], target_lips[..., OPENING], batch.mask, floor=self._lip_std**2 / 10
            )
        if self.weights.width_correlation > 0:
            losses["width_correlation"] = correlation_loss(
                preds_lips[..., WIDTH], target_lips[..., WIDTH], batch.mask, floor=self._lip_std**2 / 10
            )
        if self.weights.closure > 0:
            losses["closure"] = closure_loss(
                preds_lips[..., OPENING], target_lips[..., OPENING], batch.mask, average=self._average
            )
        if self.discriminator is not None and self._discriminator_step is not None:
            self._discriminator_step.update(
                paper_losses.discriminator(self.discriminator(target), self.discriminator(preds.detach()))
            )
            with frozen_batch_norm_stats(self.discriminator):
                losses["adversarial"] = paper_losses.adversarial(self.discriminator(preds))
        return losses

    def _inputs(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Batch]:
        """Return the log-mel spectrograms and the batch, augmented if the settings ask for it."""
        if not self.config.augment:
            return self.model.encode_audio(batch.waveform), batch
        batch = replace(batch, waveform=augment_waveform(batch.waveform, generator=generator))
        if self.config.silence > 0:
            closed = self._neutral_mouth(batch.reference)
            batch = insert_silence(batch, closed, share=self.config.silence, generator=generator)
        log_mel = augment_mel(self.model.encode_audio(batch.waveform), generator=generator)
        if self.config.tempo > 0:
            return change_tempo(log_mel, batch, max_change=self.config.tempo, generator=generator)
        return log_mel, batch

    def _head_motion_gain(self, pose: Tensor, mask: Tensor) -> Tensor:
        """Return how much the head moves in each window relative to the typical head, as a logarithm."""
        track = smooth_track(pose)
        lost = pose.shape[1] - track.shape[1]
        whole = mask.unfold(1, lost + 1, 1).all(dim=-1)
        return self.model.head_motion.measure_log_gain(track, whole)

    def _neutral_mouth(self, reference: Tensor) -> Tensor:
        """Return references with closed lips, pixels."""
        to_canonical = self.model.normalizer.to_canonical(reference)
        return apply_similarity(
            invert_similarity(to_canonical), neutral_mouth(apply_similarity(to_canonical, reference))
        )
