"""Prepare the clips for a training: add the features of a speech encoder where the settings need them."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from a2k_nets import Audio2Keypoint
from a2k_nets.config import ListenerConfig
from a2k_train.config.train_config import LossWeights, TrainConfig
from a2k_train.data.clip_store import ClipStore
from a2k_train.data.speech_features import add_features
from a2k_train.recipes.augmentation import augment_waveform


def prepare_store(
    config: TrainConfig,
    store: ClipStore,
    *,
    cache_folder: Path | None = None,
    device: torch.device | str = "cpu",
    on_clip: Callable[[int, int], None] | None = None,
) -> ClipStore:
    """Return the store with what the settings need: features for `listener`, and for ears that learn to predict them.

    A store that has them already, or needs none, is returned as it is.

    Args:
        config: The run's settings.
        store: The clips.
        cache_folder: Folder to cache the features in; without it, they are computed and not stored.
        device: Where the encoder computes.
        on_clip: Called with the number of encoded clips and that of all.
    """
    listens = isinstance(config.model, ListenerConfig)
    learns_features = isinstance(config.losses, LossWeights) and config.losses.features > 0
    if not (listens or learns_features) or store.features is not None:
        return store
    settings = config.model if isinstance(config.model, ListenerConfig) else ListenerConfig()
    model = Audio2Keypoint(settings).to(device).eval()
    # The target of pretraining is the features of clean sound.
    augments = config.augment and listens

    def encode(waveform: Tensor) -> Tensor:
        return model.encode_speech(waveform.to(device)).cpu()

    def augment(waveform: Tensor, generator: torch.Generator) -> Tensor:
        return augment_waveform(waveform, generator=generator)

    return add_features(
        store,
        encode,
        name=f"{settings.encoder}, noise floor, {settings.window_hop}, {settings.window_overlap}",
        augment=augment if augments else None,
        variants=config.sound_variants if augments else 1,
        seed=config.seed,
        cache_folder=cache_folder,
        on_clip=on_clip,
    )
