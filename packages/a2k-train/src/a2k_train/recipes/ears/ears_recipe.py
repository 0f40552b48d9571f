"""Pretraining of the audio layers ("ears") of the preset `residual`: predict a speech encoder's features."""

import torch
from einops import rearrange
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from a2k_nets import Audio2Keypoint
from a2k_nets.residual import ResidualGenerator
from a2k_train.config.train_config import LossWeights, TrainConfig
from a2k_train.data.clip_store import ClipStore
from a2k_train.data.window_sampler import Batch
from a2k_train.recipes.augmentation import augment_mel, augment_waveform
from a2k_train.recipes.base import SEED_STRIDE, Recipe
from a2k_train.recipes.optimizer_step import OptimizerStep, adamw
from a2k_train.statistics.running import RunningMoments

#: Number of clips that the statistics are computed over; more clips hardly change them.
_MAX_CLIPS = 2_000


class EarsRecipe(Recipe):
    """Distils the frozen encoder of `listener` into the audio layers of a small network.

    The layers between the spectrogram and the heads, without a reference face, and one linear layer that is thrown away
    afterwards, predict the z-scored feature vectors of each video frame. The encoder hears clean sound and its future;
    the small network hears it augmented, up to its look-ahead. The loss is the mean squared error: the share of the
    features' variance that stays unexplained.

    Args:
        config: Settings.
        model: A model of the preset `residual`.
        store: Clips with the features of the encoder.
        fabric: Device and precision.

    Raises:
        ValueError: The clips have no features.
    """

    model: Audio2Keypoint
    weights: LossWeights

    def __init__(self, config: TrainConfig, model: Audio2Keypoint, store: ClipStore, fabric: Fabric) -> None:
        if store.features is None:
            raise ValueError("expected clips with the features of the encoder, got none; see `prepare_store`")
        assert isinstance(model.generator, ResidualGenerator)
        generator = model.generator
        self.readout = Readout(model.config.width, store.features.shape[-1])
        self.readout.fit_statistics(store)
        fit_mel_statistics(model, store)
        super().__init__(config, model, None, fabric)
        self._generator_network = generator
        ears = [*generator.stem.parameters(), *generator.blocks.parameters(), *generator.norm.parameters()]
        optimizer = adamw([*ears, *self.readout.parameters()], config.learning_rate, config.weight_decay)
        self._step = OptimizerStep(fabric, optimizer, clip=config.gradient_clip)

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The network and the linear layer."""
        return {"model": self.model, "readout": self.readout}

    @property
    def optimizers(self) -> dict[str, Optimizer]:
        """The optimizer of both."""
        return {"optimizer": self._step.optimizer}

    def step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Update the audio layers and the readout; return the loss."""
        generator = self._generator(batch, step)
        self.model.train()
        network = self._generator_network
        assert batch.features is not None
        with torch.no_grad():
            target = self.readout.normalize(batch.features)
            inside = batch.features.any(dim=-1)[:, None]  # features are zero past the end of a clip
            waveform = batch.waveform
            if self.config.augment:
                waveform = augment_waveform(waveform, generator=generator)
            log_mel = self.model.encode_audio(waveform)
            if self.config.augment:
                log_mel = augment_mel(log_mel, generator=generator)
        with torch.random.fork_rng(devices=[]), self._fabric.autocast():
            # Dropout draws from the global generator.
            torch.manual_seed(self.config.seed * SEED_STRIDE + self._rank_step(step))
            heard = network.norm(network.hear(network.shift(log_mel), log_mel.new_zeros(self.model.config.width, 1)))
            preds = self.readout(heard)
        error = (preds.float() - target).square().mean(dim=1, keepdim=True)
        loss = (error * inside).sum() / self._average(inside.sum()).clamp(min=1)
        self._step.update(self.weights.features * loss)
        return {"features": loss.detach()}


class Readout(nn.Conv1d):
    """A linear layer from what a network hears to the z-scored features of each video frame."""

    mean: Tensor
    std: Tensor

    def __init__(self, width: int, num_features: int) -> None:
        super().__init__(width, num_features, 1)
        self.register_buffer("mean", torch.zeros(num_features))
        self.register_buffer("std", torch.ones(num_features))

    @torch.no_grad()
    def fit_statistics(self, store: ClipStore) -> None:
        """Set mean and standard deviation of each feature to those of the clips."""
        assert store.features is not None
        moments = RunningMoments()
        for start, length in zip(store.starts[:_MAX_CLIPS].tolist(), store.lengths[:_MAX_CLIPS].tolist(), strict=True):
            moments.add(store.features[0, start : start + length].float().cpu())
        self.mean.copy_(moments.mean)
        self.std.copy_(moments.std.clamp(min=1e-3))

    def normalize(self, features: Tensor) -> Tensor:
        """Return features `(B, T, C)` z-scored, as channels `(B, C, T)`."""
        return rearrange((features - self.mean) / self.std, "b t c -> b c t")


@torch.no_grad()
def fit_mel_statistics(model: Audio2Keypoint, store: ClipStore) -> None:
    """Set mean and standard deviation of each mel band to those of the clips."""
    moments = RunningMoments()
    for index in range(min(len(store), _MAX_CLIPS)):
        moments.add(model.log_mel(store.clip(index).waveform[None].cpu())[0].T)
    model.normalizer.set_statistics(mean_mel=moments.mean, std_mel=moments.std)
