"""Normalisation between pixels and the outputs of the `paper` networks."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from a2k_nets.config.paper import PaperConfig

# Bounds the divisor for coordinates that hardly move.
_MIN_STD = 1e-3


class PaperNormalizer(nn.Module):
    """Subtracts the base point of every frame and z-scores each coordinate (paper, section 4.5).

    Args:
        config: Number of keypoints, base point.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        self.config = config
        shape = (config.num_keypoints, config.dimensions)
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("std", torch.ones(shape))
        self.set_statistics(mean=self.mean.clone(), std=self.std.clone())

    def set_statistics(self, *, mean: Float[Tensor, "k d"], std: Float[Tensor, "k d"]) -> None:
        """Set mean and standard deviation of the training keypoints, base point subtracted; its own become 0."""
        for name, value in (("mean", mean), ("std", std)):
            buffer: Tensor = getattr(self, name)
            if value.shape != buffer.shape:
                raise ValueError(f"expected {name} of shape {tuple(buffer.shape)}, got {tuple(value.shape)}")
            buffer.copy_(value.clamp(min=_MIN_STD) if name == "std" else value)
            buffer[self.config.base_point] = 0.0

    def encode(self, keypoints: Float[Tensor, "b t k d"]) -> Float[Tensor, "b c t"]:
        """Return keypoints in pixels as K · D z-scored channels over time; those of the base point are 0."""
        base = keypoints[:, :, self.config.base_point, None]
        scores = (keypoints - base - self.mean) / self.std.clamp(min=_MIN_STD)
        return rearrange(scores, "b t k d -> b (k d) t")

    def decode(self, motion: Float[Tensor, "b c t"], base: Float[Tensor, "b 1 d"]) -> Float[Tensor, "b t k d"]:
        """Return keypoints in pixels, with the base point exactly at `base`."""
        scores = rearrange(motion, "b (k d) t -> b t k d", d=self.config.dimensions)
        return scores * self.std + self.mean + base[:, :, None]
