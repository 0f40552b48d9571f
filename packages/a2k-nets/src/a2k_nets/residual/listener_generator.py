"""The network of the `listener` preset: features of a speech encoder and a reference face in, motion out."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.config.listener import ListenerConfig
from a2k_nets.residual.generator import ChannelNorm, Motion

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


class ListenerGenerator(nn.Module):
    """Predicts displacements from the reference; an untrained network predicts zeros.

    The feature vectors of a video frame are channels. Dilated blocks that see past and future follow, and three
    zero-initialised heads give expression, pose, and the gain of the random head motion.

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
        self.reference = nn.Sequential(nn.Linear(2 * config.num_keypoints, width), nn.GELU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(
            ListenerBlock(width, kernel_size=config.kernel_size, dilation=dilation, dropout=config.dropout)
            for dilation in config.dilations
        )
        self.norm = ChannelNorm(width)
        self.expression_head = nn.Conv1d(width, 2 * config.num_keypoints, 1)
        self.pose_head = nn.Conv1d(width, 4, 1)
        self.motion_gain_head = nn.Conv1d(width, 1, 1)
        for head in (self.expression_head, self.pose_head, self.motion_gain_head):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]  # these convolutions have a bias

    def normalize(self, features: Float[Tensor, "b n d"]) -> Float[Tensor, "b c t"]:
        """Return z-scored feature vectors as channels of the video frames: `(B, 2·D, N / 2)`."""
        scored = (features - self.mean_features) / self.std_features
        return rearrange(scored, "b (t f) d -> b (f d) t", f=FEATURES_PER_FRAME)

    def hidden(self, features: Float[Tensor, "b c t"], reference: Float[Tensor, "b r"]) -> Float[Tensor, "b w t"]:
        """Return the input of the heads: what the network has heard."""
        x = self.conv(F.gelu(self.project(features))) + self.reference(reference)[..., None]
        for block in self.blocks:
            x = block(x)
        hidden: Tensor = self.norm(x)
        return hidden

    def forward(self, features: Float[Tensor, "b c t"], reference: Float[Tensor, "b r"]) -> Motion:
        """Return the motion of B faces over T frames.

        Args:
            features: Output of `normalize`.
            reference: Normalised reference face, 2·K values.
        """
        return self.decode(self.hidden(features, reference))

    def decode(self, hidden: Float[Tensor, "b w t"]) -> Motion:
        """Return the motion for the output of `hidden`."""
        expression = rearrange(self.expression_head(hidden), "b (k d) t -> b t k d", d=2)
        return Motion(
            expression, rearrange(self.pose_head(hidden), "b p t -> b t p"), self.motion_gain_head(hidden)[:, 0]
        )
