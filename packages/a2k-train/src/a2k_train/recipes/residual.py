"""The `residual` preset's training step: motion, its speed, the lips' distances, and a critic when asked for."""

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from a2k_nets import Audio2Keypoint, ModelConfig
from a2k_nets.blocks import apply_similarity, invert_similarity
from a2k_nets.paper import MotionDiscriminator
from a2k_nets.residual import close_lips
from a2k_train.config.train_config import LossWeights, TrainConfig
from a2k_train.data.clip_store import ClipStore
from a2k_train.data.window_sampler import Batch
from a2k_train.recipes import paper_losses
from a2k_train.recipes.augmentation import augment_mel, augment_waveform, change_tempo, fall_silent, mirror_faces
from a2k_train.recipes.batch_norm import frozen_batch_norm_stats
from a2k_train.recipes.optimizer_step import Updater
from a2k_train.recipes.optimizers import adam, adamw
from a2k_train.recipes.placement import prepare
from a2k_train.recipes.residual_losses import closure_loss, correlation_loss, lip_distances, masked_l1, velocity_loss
from a2k_train.statistics.residual import fit_statistics, smooth_track
from kp_io import IBUG68

#: The mouth opening, 62 to 66, among the distances of `lip_distances`.
_OPENING = 1

#: Of the critic's Adam (paper).
_CRITIC_LEARNING_RATE = 1e-4


class ResidualRecipe:
    """The `residual` preset's network with AdamW, and its critic where `adversarial` has a weight.

    Args:
        config: The run's settings, of the preset `residual`.
        store: Training clips.
        fabric: Device, precision, processes.
    """

    def __init__(self, config: TrainConfig, store: ClipStore, fabric: Fabric) -> None:
        assert isinstance(config.model, ModelConfig)
        assert isinstance(config.losses, LossWeights)
        self.config, self.weights, self._fabric = config, config.losses, fabric
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = Audio2Keypoint(config.model)
            channels = 2 * config.model.num_keypoints
            self.discriminator = MotionDiscriminator(channels) if self.weights.adversarial > 0 else None
        fit_statistics(self.model, store.clips())
        prepare(fabric, config, self.model, self.discriminator)
        if config.compile:
            self.model.generator.compile()
        optimizer = adamw(self.model.parameters(), config.learning_rate, config.weight_decay)
        self._updater = Updater(fabric, optimizer, clip=config.gradient_clip)
        self._critic = None
        if self.discriminator is not None:
            self._critic = Updater(fabric, adam(self.discriminator.parameters(), _CRITIC_LEARNING_RATE), clip=0.0)
        # Errors are weighed in units of the lips' own motion, whatever each coordinate's variance is.
        std = self.model.normalizer.std_expression
        lips = slice(*config.model.lip_points)
        self._unit = float(std[lips].mean())
        self._point_weight = std / self._unit
        self._point_weight[lips] *= self.weights.lip

    @property
    def modules(self) -> dict[str, nn.Module]:
        """Every network by its name in the run's state."""
        return {"model": self.model} | ({} if self.discriminator is None else {"discriminator": self.discriminator})

    @property
    def optimizers(self) -> dict[str, Optimizer]:
        """Every optimizer by its name in the run's state."""
        ours: dict[str, Optimizer] = {"optimizer": self._updater.optimizer}
        return ours | ({} if self._critic is None else {"discriminator_optimizer": self._critic.optimizer})

    @property
    def scheduled(self) -> list[Optimizer]:
        """The network's; the critic has a rate of its own."""
        return [self._updater.optimizer]

    def step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Update the critic, then the network; return the losses, unweighted, by the names of their weights."""
        share = step * self._fabric.world_size + self._fabric.global_rank
        generator = torch.Generator(batch.waveform.device).manual_seed((self.config.seed + 1) * 1_000_003 + share)
        if self.config.augment:
            batch = mirror_faces(batch, IBUG68.mirror, generator=generator)
        for module in self.modules.values():
            module.train()
        with torch.random.fork_rng(devices=[]), self._fabric.autocast():
            torch.manual_seed(self.config.seed * 1_000_003 + share)  # dropout draws from the global generator
            losses = self._losses(batch, generator)
        total = torch.stack([getattr(self.weights, name) * value for name, value in losses.items()]).sum()
        self._updater.update(total)
        return {name: loss.detach() for name, loss in losses.items()}

    def _losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        normalizer = self.model.normalizer
        with torch.no_grad():
            waveform = batch.waveform
            if self.config.augment:
                waveform = augment_waveform(waveform, generator=generator)
                if self.config.silence > 0:
                    batch = Batch(waveform, batch.reference, batch.keypoints, batch.mask)
                    resting = self._at_rest(batch.reference)
                    batch = fall_silent(batch, resting, share=self.config.silence, generator=generator)
                    waveform = batch.waveform
            log_mel = self.model.encode_audio(waveform)
            if self.config.augment:
                log_mel = augment_mel(log_mel, generator=generator)
                if self.config.tempo > 0:
                    log_mel, batch = change_tempo(log_mel, batch, most=self.config.tempo, generator=generator)
            target, target_pose = normalizer.encode_motion(batch.keypoints, batch.reference)
            face = normalizer.canonicalize(batch.reference)[:, None]
            target_lips = lip_distances(face + target * normalizer.std_expression)
            target_sway = self._sway_of(target_pose * normalizer.std_pose, batch.mask)
        preds, preds_pose, log_sway = self.model.predict_motion(log_mel, batch.reference)
        preds_lips = lip_distances(face + preds * normalizer.std_expression)
        losses = {
            "expression": masked_l1(preds, target, batch.mask, weight=self._point_weight),
            "velocity": velocity_loss(preds, target, batch.mask, weight=self._point_weight),
            "opening": masked_l1(preds_lips, target_lips, batch.mask, weight=1 / self._unit),
            "pose": masked_l1(preds_pose, target_pose, batch.mask, weight=1.0),
            "sway": masked_l1(log_sway, target_sway[:, None].expand_as(log_sway), batch.mask, weight=1.0),
        }
        if self.weights.correlation > 0:
            losses["correlation"] = correlation_loss(
                preds_lips[..., _OPENING], target_lips[..., _OPENING], batch.mask, floor=self._unit**2 / 10
            )
        if self.weights.closure > 0:
            losses["closure"] = closure_loss(preds_lips[..., _OPENING], target_lips[..., _OPENING], batch.mask)
        if self.discriminator is not None and self._critic is not None:
            self._critic.update(
                paper_losses.discriminator(self.discriminator(target), self.discriminator(preds.detach()))
            )
            with frozen_batch_norm_stats(self.discriminator):
                losses["adversarial"] = paper_losses.adversarial(self.discriminator(preds))
        return losses

    def _sway_of(self, pose: Tensor, mask: Tensor) -> Tensor:
        """Return how lively the head is in each window."""
        track = smooth_track(pose)
        lost = pose.shape[1] - track.shape[1]
        whole = mask.unfold(1, lost + 1, 1).all(dim=-1)
        return self.model.head_motion.relative_sway(track, whole)

    def _at_rest(self, reference: Tensor) -> Tensor:
        """Return references with closed lips, pixels."""
        to_canonical = self.model.normalizer.to_canonical(reference)
        return apply_similarity(invert_similarity(to_canonical), close_lips(apply_similarity(to_canonical, reference)))
