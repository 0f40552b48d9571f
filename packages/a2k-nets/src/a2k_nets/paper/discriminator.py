"""The motion discriminator, for adversarial training of both presets."""

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from a2k_nets.paper.layers import glorot


class MotionDiscriminator(nn.Module):
    """A PatchGAN over time that scores frame differences (paper, section 4.3).

    Args:
        channels: Coordinates of all keypoints.
        width: Channels of the first layer.

    Example:
        >>> MotionDiscriminator(134)(torch.zeros(2, 64, 67, 2)).shape
        torch.Size([2, 13])
    """

    def __init__(self, channels: int, *, width: int = 64) -> None:
        super().__init__()

        def block(c_in: int, c_out: int, stride: int) -> nn.Sequential:
            conv = nn.Conv1d(c_in, c_out, 4, stride, 1)
            return nn.Sequential(conv, nn.BatchNorm1d(c_out), nn.LeakyReLU(0.2))

        self.layers = nn.Sequential(
            nn.Conv1d(channels, width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            block(width, 2 * width, 2),
            block(2 * width, 4 * width, 1),
            nn.Conv1d(4 * width, 1, 4, 1, 1),
        )
        self.apply(glorot)

    def forward(self, motion: Float[Tensor, "b t k d"]) -> Float[Tensor, "b p"]:
        """Return a score per patch: towards 1 for real motion, 0 for generated motion."""
        velocity = motion[:, 1:] - motion[:, :-1]
        scores: Tensor = self.layers(rearrange(velocity, "b t k d -> b (k d) t"))
        return scores.squeeze(1)
