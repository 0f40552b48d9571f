"""What a preset needs of the clips beyond sound and keypoints: for `listener`, the features of its encoder."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from a2k_nets import Audio2Keypoint
from a2k_nets.config import ListenerConfig
from a2k_train.config.train_config import TrainConfig
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
    """Return the store with what the preset of the settings needs; the same store if it has that already.

    Args:
        config: The run's settings.
        store: The clips.
        cache_folder: Folder to cache the features in; without it, they are computed and not stored.
        device: Where the encoder computes.
        on_clip: Called with the number of encoded clips and that of all.
    """
    if not isinstance(config.model, ListenerConfig) or store.features is not None:
        return store
    model = Audio2Keypoint(config.model).to(device).eval()

    def encode(waveform: Tensor) -> Tensor:
        return model.encode_speech(waveform.to(device)).cpu()

    def augment(waveform: Tensor, generator: torch.Generator) -> Tensor:
        return augment_waveform(waveform, generator=generator)

    return add_features(
        store,
        encode,
        name=f"{config.model.encoder}, noise floor, {config.model.window_hop}, {config.model.window_overlap}",
        augment=augment if config.augment else None,
        variants=config.sound_variants if config.augment else 1,
        seed=config.seed,
        cache_folder=cache_folder,
        on_clip=on_clip,
    )
