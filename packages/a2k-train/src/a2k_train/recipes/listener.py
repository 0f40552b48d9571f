"""The training step of the `listener` preset: the losses of `residual` on cached features of its speech encoder."""

import torch
from torch import Tensor

from a2k_nets.residual import ListenerGenerator
from a2k_train.data.window_sampler import Batch
from a2k_train.recipes.augmentation import augment_features
from a2k_train.recipes.residual import ResidualRecipe


class ListenerRecipe(ResidualRecipe):
    """The `listener` preset's network; the encoder is frozen, and the clips come with its features."""

    def _inputs(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Batch]:
        """Return the normalised features and the batch, the features augmented if the settings ask for it."""
        network = self.model.generator
        assert isinstance(network, ListenerGenerator)
        assert batch.features is not None
        features = network.normalize(batch.features.reshape(len(batch.features), -1, network.num_features))
        return augment_features(features, generator=generator) if self.config.augment else features, batch
