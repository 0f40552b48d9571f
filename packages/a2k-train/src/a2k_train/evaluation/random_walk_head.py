"""What a head's motion is compared with: steps that know nothing of each other."""

import copy

import torch

from a2k_nets import Audio2Keypoint
from a2k_train.data.clip import Clip
from a2k_train.statistics.residual import head_tracks


@torch.no_grad()
def with_random_walk(model: Audio2Keypoint, clips: list[Clip]) -> Audio2Keypoint:
    """Return a copy of a model whose head walks at random, as far as heads in training clips go, whoever speaks.

    Raises:
        ValueError: The clips hold too few frames.
    """
    walker = copy.deepcopy(model)
    walker.head_motion.fit_random_walk(head_tracks(model, clips))
    for parameter in walker.generator.sway_head.parameters():
        torch.nn.init.zeros_(parameter)
    return walker
