"""Construction of a preset's recipe: networks, then their statistics, then the training step."""

import torch
from lightning_fabric import Fabric

from a2k_nets import Audio2Keypoint, ModelConfig, PaperAudio2Keypoint, PaperConfig
from a2k_nets.paper import MotionDiscriminator
from a2k_train.config.train_config import LossWeights, TrainConfig
from a2k_train.data.clip_store import ClipStore
from a2k_train.recipes.base import Recipe
from a2k_train.recipes.ears.distilled_recipe import DistilledRecipe
from a2k_train.recipes.ears.ears_recipe import EarsRecipe
from a2k_train.recipes.ears.lessons import Lessons
from a2k_train.recipes.ears.pretrained_ears import load_ears
from a2k_train.recipes.listener import ListenerRecipe
from a2k_train.recipes.paper import PaperRecipe
from a2k_train.recipes.residual import ResidualRecipe
from a2k_train.statistics.features import fit_feature_statistics
from a2k_train.statistics.paper import fit_paper_statistics
from a2k_train.statistics.residual import fit_statistics


def make_recipe(config: TrainConfig, store: ClipStore, fabric: Fabric, lessons: Lessons | None = None) -> Recipe:
    """Build the networks of the settings' preset, fit their statistics to the clips, and return their recipe.

    Raises:
        ValueError: The settings ask for taught windows without lessons, or the other way round.
    """
    if (config.taught_windows > 0) != (lessons is not None):
        raise ValueError(
            f"expected a teacher and speech exactly if taught_windows is above 0, got taught_windows = "
            f"{config.taught_windows} and {'no' if lessons is None else 'a'} teacher"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)  # networks are initialized from the global generator
        if isinstance(config.model, PaperConfig):
            paper = PaperAudio2Keypoint(config.model)
            moving, width = config.model.motion_channels - config.model.dimensions, config.model.channels(64)
            critic = MotionDiscriminator(moving, width=width) if config.model.has_discriminator else None
            fit_paper_statistics(paper.normalizer, store)
            return PaperRecipe(config, paper, critic, fabric)
        assert isinstance(config.losses, LossWeights)
        residual, channels = Audio2Keypoint(config.model), 2 * config.model.num_keypoints
        if config.losses.features > 0:
            return EarsRecipe(config, residual, store, fabric)
        critic = MotionDiscriminator(channels) if config.losses.adversarial > 0 else None
        fit_statistics(residual, (store.clip(index) for index in range(len(store))))
        if isinstance(config.model, ModelConfig):
            if config.ears:
                load_ears(residual, config.ears)
            if lessons is not None:
                return DistilledRecipe(config, residual, lessons, fabric)
            return ResidualRecipe(config, residual, critic, fabric)
        fit_feature_statistics(residual, store)
        return ListenerRecipe(config, residual, critic, fabric)
