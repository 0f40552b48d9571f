"""The paper's training step: discriminator, then generator, then pose-invariant encoder, on one batch (section 4.4)."""

import torch
from einops import rearrange
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from a2k_nets import PaperAudio2Keypoint, PaperConfig
from a2k_nets.paper import MotionDiscriminator
from a2k_train.config.train_config import PaperLossWeights, TrainConfig
from a2k_train.data.clip_store import ClipStore
from a2k_train.data.window_sampler import Batch
from a2k_train.recipes import paper_losses
from a2k_train.recipes.augmentation import augment_waveform, mirror_faces, turn_faces
from a2k_train.recipes.batch_norm import freeze_norm, frozen_batch_norm_stats
from a2k_train.recipes.optimizer_step import Updater
from a2k_train.recipes.optimizers import adam
from a2k_train.recipes.placement import prepare
from a2k_train.statistics.paper import fit_paper_statistics
from kp_io import IBUG68


class PaperRecipe:
    """G, E and D of the `paper` preset with an Adam each.

    Args:
        config: The run's settings, of the preset `paper`.
        store: Training clips.
        fabric: Device, precision, processes.
    """

    def __init__(self, config: TrainConfig, store: ClipStore, fabric: Fabric) -> None:
        assert isinstance(config.model, PaperConfig)
        assert isinstance(config.losses, PaperLossWeights)
        self.config, self.networks, self.weights = config, config.model, config.losses
        self._fabric = fabric
        self._triplet = paper_losses.literal_triplet if self.weights.triplet_form == "literal" else paper_losses.triplet
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = PaperAudio2Keypoint(config.model)
            moving = config.model.motion_channels - config.model.dimensions
            self.discriminator = (
                MotionDiscriminator(moving, width=config.model.channels(64)) if config.model.has_discriminator else None
            )
        fit_paper_statistics(self.model.normalizer, store)
        prepare(fabric, config, self.model, self.discriminator)
        if config.channels_last:
            self.model.generator.audio.spectrogram.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # its stubs know no such form
        if config.compile:
            for part in (self.model.generator.audio, self.model.piv_encoder, self.discriminator):
                if part is not None:
                    part.compile()
        self._updaters = {
            name: Updater(fabric, adam(network.parameters(), config.learning_rate), clip=config.gradient_clip)
            for name, network in (
                ("discriminator", self.discriminator),
                ("generator", self.model.generator),
                ("piv_encoder", self.model.piv_encoder),
            )
            if network is not None
        }

    @property
    def modules(self) -> dict[str, nn.Module]:
        """Every network by its name in the run's state."""
        return {"model": self.model} | ({} if self.discriminator is None else {"discriminator": self.discriminator})

    @property
    def optimizers(self) -> dict[str, Optimizer]:
        """Every optimizer by its name in the run's state."""
        return {f"{name}_optimizer": updater.optimizer for name, updater in self._updaters.items()}

    @property
    def scheduled(self) -> list[Optimizer]:
        """All three."""
        return list(self.optimizers.values())

    def step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Update D, then G, then E; return the losses, unweighted and detached, by the names of their weights."""
        if self.config.augment:
            batch = self._augment(batch, step)
        for module in self.modules.values():
            module.train()
        if self.config.frozen_norm:
            freeze_norm(*self.modules.values())
        with torch.no_grad():
            real = self.model.normalizer.encode(batch.keypoints)
            reference = self.model.normalizer.encode(batch.reference[:, None]).squeeze(2)
            log_mel = self.model.encode_audio(batch.waveform)
        # Losses are means over the frames that all processes have together.
        count = torch.as_tensor(self._fabric.all_reduce(batch.mask.sum().to(real.dtype), reduce_op="mean"))
        losses: dict[str, Tensor] = {}
        with self._fabric.autocast(), frozen_batch_norm_stats(self.model.piv_encoder):
            fake = self.model.predict(log_mel, reference)[..., : real.shape[2]]
        if self.discriminator is not None:
            losses["discriminator"] = self._update_discriminator(real, fake.detach(), batch.mask)
        losses |= self._update_generator(real, fake, reference, batch.mask, count)
        if self.model.piv_encoder is not None:
            losses["triplet"] = self._update_piv_encoder(log_mel, real, reference, batch.mask, count)
        return {name: loss.detach() for name, loss in losses.items()}

    def _update_discriminator(self, real: Tensor, fake: Tensor, mask: Tensor) -> Tensor:
        with self._fabric.autocast():
            loss = paper_losses.discriminator(self._judge(real, mask), self._judge(fake, mask))
        self._updaters["discriminator"].update(self.weights.discriminator * loss)
        return loss

    def _update_generator(
        self, real: Tensor, fake: Tensor, reference: Tensor, mask: Tensor, count: Tensor
    ) -> dict[str, Tensor]:
        encoder = self.model.piv_encoder
        with self._fabric.autocast(), frozen_batch_norm_stats(self.discriminator, encoder):
            losses = self._motion_losses(real, fake, mask, count)
            if encoder is not None:
                losses["piv"] = paper_losses.piv(encoder(reference[..., None]).detach(), encoder(fake))
        self._updaters["generator"].update(self._weigh(losses))
        return losses

    def _update_piv_encoder(
        self, log_mel: Tensor, real: Tensor, reference: Tensor, mask: Tensor, count: Tensor
    ) -> Tensor:
        """Update E by what reaches it through the generator, which stays as it is, and by the triplet loss."""
        encoder, generator = self.model.piv_encoder, self.model.generator
        assert encoder is not None
        with self._fabric.autocast():
            # Only here the encoder's running statistics follow: at inference it sees references and nothing else.
            code = encoder(reference[..., None])
            with frozen_batch_norm_stats(generator, self.discriminator, encoder):
                with torch.no_grad():
                    audio = generator.audio(log_mel, self.networks.padded_frames(real.shape[2]))
                fake = generator.decode(audio, reference, code)[..., : real.shape[2]]
                losses = self._motion_losses(real, fake, mask, count)
                codes = encoder(real), encoder(fake.detach())
                losses["triplet"] = self._triplet(code, *codes, margin=self.weights.margin)
        self._updaters["piv_encoder"].update(self._weigh(losses))
        return losses["triplet"]

    def _motion_losses(self, real: Tensor, fake: Tensor, mask: Tensor, count: Tensor) -> dict[str, Tensor]:
        losses = {"regression": paper_losses.regression(fake, real, mask, count)}
        if self.discriminator is not None:
            losses["adversarial"] = paper_losses.adversarial(self._judge(fake, mask))
        return losses

    def _weigh(self, losses: dict[str, Tensor]) -> Tensor:
        return torch.stack([getattr(self.weights, name) * loss for name, loss in losses.items()]).sum()

    def _judge(self, motion: Tensor, mask: Tensor) -> Tensor:
        """Return the discriminator's scores of the points that move; where there is no face, it sees none."""
        assert self.discriminator is not None
        base = self.networks.base_point
        points = rearrange(motion, "b (k d) t -> b t k d", d=self.networks.dimensions)
        moving = torch.cat((points[:, :, :base], points[:, :, base + 1 :]), dim=2)
        scores: Tensor = self.discriminator(moving * mask[:, :, None, None])
        return scores

    def _augment(self, batch: Batch, step: int) -> Batch:
        seed = (self.config.seed + 1) * 1_000_003 + step * self._fabric.world_size + self._fabric.global_rank
        generator = torch.Generator(batch.waveform.device).manual_seed(seed)
        batch = mirror_faces(batch, IBUG68.mirror, generator=generator)
        if self.networks.dimensions == 2:
            batch = turn_faces(batch, generator=generator)
        waveform = augment_waveform(batch.waveform, generator=generator)
        return Batch(waveform, batch.reference, batch.keypoints, batch.mask)
