"""Construction of a preset's recipe: networks, then their statistics, then the training step."""

import torch
from lightning_fabric import Fabric

from a2k_nets import Audio2Keypoint, PaperAudio2Keypoint, PaperConfig
from a2k_nets.paper import MotionDiscriminator
from a2k_train.config.train_config import LossWeights, TrainConfig
from a2k_train.data.clip_store import ClipStore
from a2k_train.recipes.base import Recipe
from a2k_train.recipes.paper import PaperRecipe
from a2k_train.recipes.residual import ResidualRecipe
from a2k_train.statistics.paper import fit_paper_statistics
from a2k_train.statistics.residual import fit_statistics


def make_recipe(config: TrainConfig, store: ClipStore, fabric: Fabric) -> Recipe:
    """Build the networks of the settings' preset, fit their statistics to the clips, and return their recipe."""
    # The global generator initializes the networks; the caller's state is restored.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model, discriminator = _build_networks(config)
    if isinstance(model, PaperAudio2Keypoint):
        fit_paper_statistics(model.normalizer, store)
        return PaperRecipe(config, model, discriminator, fabric)
    fit_statistics(model, store.clips())
    return ResidualRecipe(config, model, discriminator, fabric)


def _build_networks(
    config: TrainConfig,
) -> tuple[Audio2Keypoint | PaperAudio2Keypoint, MotionDiscriminator | None]:
    if isinstance(config.model, PaperConfig):
        paper = config.model
        moving = paper.motion_channels - paper.dimensions
        return PaperAudio2Keypoint(paper), (
            MotionDiscriminator(moving, width=paper.channels(64)) if paper.has_discriminator else None
        )
    assert isinstance(config.losses, LossWeights)
    return Audio2Keypoint(config.model), (
        MotionDiscriminator(2 * config.model.num_keypoints) if config.losses.adversarial > 0 else None
    )
