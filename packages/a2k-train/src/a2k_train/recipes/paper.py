"""The paper's training step: discriminator, then generator, then pose-invariant encoder, on one batch (section 4.4)."""

from dataclasses import replace

import torch
from einops import rearrange
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim import Optimizer

from a2k_nets import PaperAudio2Keypoint
from a2k_nets.paper import MotionDiscriminator
from a2k_train.config.train_config import PaperLossWeights, TrainConfig
from a2k_train.data.window_sampler import Batch
from a2k_train.recipes import paper_losses
from a2k_train.recipes.augmentation import augment_waveform, mirror_faces, rotate_faces
from a2k_train.recipes.base import Recipe
from a2k_train.recipes.batch_norm import freeze_batch_norm, frozen_batch_norm_stats
from a2k_train.recipes.optimizer_step import OptimizerStep, adam
from kp_io import IBUG68


class PaperRecipe(Recipe):
    """Generator G, encoder E and discriminator D of the `paper` preset, with one Adam each."""

    model: PaperAudio2Keypoint
    weights: PaperLossWeights

    def __init__(
        self, config: TrainConfig, model: PaperAudio2Keypoint, discriminator: MotionDiscriminator | None, fabric: Fabric
    ) -> None:
        super().__init__(config, model, discriminator, fabric)
        self._triplet = paper_losses.literal_triplet if self.weights.triplet_form == "literal" else paper_losses.triplet
        if config.channels_last:
            model.generator.audio.spectrogram.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # its stubs know no such form
        if config.compile:
            for part in (model.generator.audio, model.piv_encoder, discriminator):
                if part is not None:
                    part.compile()
        networks = {"discriminator": discriminator, "generator": model.generator, "piv_encoder": model.piv_encoder}
        self._steps = {
            name: OptimizerStep(fabric, adam(network.parameters(), config.learning_rate), clip=config.gradient_clip)
            for name, network in networks.items()
            if network is not None
        }

    @property
    def optimizers(self) -> dict[str, Optimizer]:
        """All optimizers by their names in the run's state."""
        return {f"{name}_optimizer": step.optimizer for name, step in self._steps.items()}

    def step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Update D, then G, then E; return the losses, unweighted and detached, by the names of their weights."""
        if self.config.augment:
            batch = self._augment(batch, step)
        for module in self.modules.values():
            module.train()
        if self.config.frozen_norm:
            freeze_batch_norm(*self.modules.values())
        with torch.no_grad():
            real = self.model.normalizer.encode(batch.keypoints)
            reference = self.model.normalizer.encode(batch.reference[:, None]).squeeze(2)
            log_mel = self.model.encode_audio(batch.waveform)
        # Losses are means over the valid frames of all processes.
        num_valid = torch.as_tensor(self._fabric.all_reduce(batch.mask.sum().to(real.dtype), reduce_op="mean"))
        losses: dict[str, Tensor] = {}
        with self._fabric.autocast(), frozen_batch_norm_stats(self.model.piv_encoder):
            fake = self.model.predict(log_mel, reference)[..., : real.shape[2]]
        if self.discriminator is not None:
            losses["discriminator"] = self._update_discriminator(real, fake.detach(), batch.mask)
        losses |= self._update_generator(real, fake, reference, batch.mask, num_valid)
        if self.model.piv_encoder is not None:
            losses["triplet"] = self._update_piv_encoder(log_mel, real, reference, batch.mask, num_valid)
        return {name: loss.detach() for name, loss in losses.items()}

    def _update_discriminator(self, real: Tensor, fake: Tensor, mask: Tensor) -> Tensor:
        with self._fabric.autocast():
            loss = paper_losses.discriminator(self._discriminate(real, mask), self._discriminate(fake, mask))
        self._steps["discriminator"].update(self.weights.discriminator * loss)
        return loss

    def _update_generator(
        self, real: Tensor, fake: Tensor, reference: Tensor, mask: Tensor, num_valid: Tensor
    ) -> dict[str, Tensor]:
        encoder = self.model.piv_encoder
        with self._fabric.autocast(), frozen_batch_norm_stats(self.discriminator, encoder):
            losses = self._motion_losses(real, fake, mask, num_valid)
            if encoder is not None:
                losses["piv"] = paper_losses.piv(encoder(reference[..., None]).detach(), encoder(fake))
        self._steps["generator"].update(self._weighted_sum(losses))
        return losses

    def _update_piv_encoder(
        self, log_mel: Tensor, real: Tensor, reference: Tensor, mask: Tensor, num_valid: Tensor
    ) -> Tensor:
        """Update E by the losses that reach it through the fixed generator, and by the triplet loss."""
        encoder, generator = self.model.piv_encoder, self.model.generator
        assert encoder is not None
        with self._fabric.autocast():
            # The only pass that updates the encoder's running statistics: inference encodes only references.
            code = encoder(reference[..., None])
            with frozen_batch_norm_stats(generator, self.discriminator, encoder):
                with torch.no_grad():
                    audio = generator.audio(log_mel, self.model.config.padded_frames(real.shape[2]))
                fake = generator.decode(audio, reference, code)[..., : real.shape[2]]
                losses = self._motion_losses(real, fake, mask, num_valid)
                codes = encoder(real), encoder(fake.detach())
                losses["triplet"] = self._triplet(code, *codes, margin=self.weights.margin)
        self._steps["piv_encoder"].update(self._weighted_sum(losses))
        return losses["triplet"]

    def _motion_losses(self, real: Tensor, fake: Tensor, mask: Tensor, num_valid: Tensor) -> dict[str, Tensor]:
        losses = {"regression": paper_losses.regression(fake, real, mask, num_valid)}
        if self.discriminator is not None:
            losses["adversarial"] = paper_losses.adversarial(self._discriminate(fake, mask))
        return losses

    def _discriminate(self, motion: Tensor, mask: Tensor) -> Tensor:
        """Return the discriminator's scores of all points but the base point, zero where the mask is False."""
        assert self.discriminator is not None
        base = self.model.config.base_point
        points = rearrange(motion, "b (k d) t -> b t k d", d=self.model.config.dimensions)
        moving = torch.cat((points[:, :, :base], points[:, :, base + 1 :]), dim=2)
        scores: Tensor = self.discriminator(moving * mask[:, :, None, None])
        return scores

    def _augment(self, batch: Batch, step: int) -> Batch:
        generator = self._generator(batch, step)
        batch = mirror_faces(batch, IBUG68.mirror, generator=generator)
        if self.model.config.dimensions == 2:
            batch = rotate_faces(batch, generator=generator)
        return replace(batch, waveform=augment_waveform(batch.waveform, generator=generator))
