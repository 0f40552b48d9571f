"""The network of the `listener` preset: features of a speech encoder and a reference face in, motion out."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.config.listener import ListenerConfig
from a2k_nets.residual.motion_network import ChannelNorm, Motion, MotionNetwork

#: Feature vectors of the encoder per video frame.
FEATURES_PER_FRAME = 2


class ListenerBlock(nn.Module):
    """x + dropout(mix(gelu(dilated convolution(norm(x))))), past and future alike."""

    def __init__(self, width: int, *, kernel_size: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = ChannelNorm(width)
        self.conv = nn.Conv1d(width, width, kernel_size, dilation=dilation, padding="same")
        self.mix = nn.Conv1d(width, width, 1)
        self.dropout = nn.Dropout1d(dropout)

    def forward(self, x: Float[Tensor, "b c t"]) -> Float[Tensor, "b c t"]:
        """Return x plus the output of the block."""
        y: Tensor = self.dropout(self.mix(F.gelu(self.conv(self.norm(x)))))
        return x + y


class ListenerGenerator(MotionNetwork):
    """Predicts displacements from the reference, with past and future in sight.

    The feature vectors of a video frame are channels, and dilated blocks follow.

    Args:
        config: Widths, dilations.
        num_features: Length of a feature vector of the encoder.
    """

    mean_features: Float[Tensor, " d"]
    std_features: Float[Tensor, " d"]

    def __init__(self, config: ListenerConfig, num_features: int) -> None:
        super().__init__()
        self.config, self.num_features = config, num_features
        width = config.width
        self.register_buffer("mean_features", torch.zeros(num_features))
        self.register_buffer("std_features", torch.ones(num_features))
        self.project = nn.Conv1d(FEATURES_PER_FRAME * num_features, width, 1)
        self.conv = nn.Conv1d(width, width, config.kernel_size, padding="same")

        def make_block(dilation: int) -> nn.Module:
            return ListenerBlock(width, kernel_size=config.kernel_size, dilation=dilation, dropout=config.dropout)

        self.add_body(config, make_block)

    def normalize(self, features: Float[Tensor, "b n d"]) -> Float[Tensor, "b c t"]:
        """Return z-scored feature vectors as channels of the video frames: `(B, 2·D, N / 2)`."""
        scored = (features - self.mean_features) / self.std_features
        return rearrange(scored, "b (t f) d -> b (f d) t", f=FEATURES_PER_FRAME)

    def forward(self, features: Float[Tensor, "b c t"], reference: Float[Tensor, "b r"]) -> Motion:
        """Return the motion of B faces over T frames.

        Args:
            features: Output of `normalize`.
            reference: Normalised reference face, 2·K values.
        """
        x = self.conv(F.gelu(self.project(features))) + self.reference(reference)[..., None]
        for block in self.blocks:
            x = block(x)
        return self.decode(x)
