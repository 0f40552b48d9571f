"""The adversary: a motion discriminator with its optimizer, so that the loop knows nothing of GANs."""

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.config import ModelConfig
from a2k_nets.discriminator import MotionDiscriminator

__all__ = ["Adversary"]


class Adversary:
    """Least-squares GAN on motion (paper, section 4.4).

    Args:
        config: The generator's settings.
        learning_rate: Adam's (paper: 1e-4).
    """

    def __init__(self, config: ModelConfig, *, learning_rate: float = 1e-4) -> None:
        self.discriminator = MotionDiscriminator(config)
        self.optimizer = torch.optim.Adam(self.discriminator.parameters(), lr=learning_rate)

    def train_step(self, fake: Float[Tensor, "b t k 2"], real: Float[Tensor, "b t k 2"]) -> Float[Tensor, ""]:
        """Move the discriminator towards 1 on real and 0 on generated motion; return its loss, detached.

        The generator receives no gradient.
        """
        self.optimizer.zero_grad(set_to_none=True)
        loss = (1 - self.discriminator(real)).square().mean() + self.discriminator(fake.detach()).square().mean()
        loss.backward()
        self.optimizer.step()
        result: Tensor = loss.detach()
        return result

    def generator_loss(self, fake: Float[Tensor, "b t k 2"]) -> Float[Tensor, ""]:
        """Return how far generated motion is from being taken for real; the discriminator receives no gradient."""
        self.discriminator.requires_grad_(False)
        try:
            loss: Tensor = (1 - self.discriminator(fake)).square().mean()
        finally:
            self.discriminator.requires_grad_(True)
        return loss
