"""What the networks of the presets `listener` and `residual` share: the reference, the blocks' frame, the heads."""

from collections.abc import Callable
from typing import NamedTuple

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from a2k_nets.config.motion import MotionConfig


class Motion(NamedTuple):
    """Output of the network for each frame.

    Attributes:
        expression: Normalised displacement of the pose-free face, `(B, T, K, 2)`.
        pose: Normalised head pose, `(B, T, 4)`.
        log_motion_gain: Natural logarithm of the gain of the random head motion, `(B, T)`.
    """

    expression: Tensor
    pose: Tensor
    log_motion_gain: Tensor


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each frame, so that frames stay independent."""

    def forward(self, x: Float[Tensor, "b c f"]) -> Float[Tensor, "b c f"]:
        """Return x with zero mean and unit variance over channels, scaled and shifted."""
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class MotionNetwork(nn.Module):
    """The part of a network after its ears; an untrained network predicts zeros.

    The embedded reference is added to what the network hears, blocks follow, and three zero-initialised heads give
    expression, pose, and the gain of the random head motion.
    """

    def add_body(self, config: MotionConfig, make_block: Callable[[int], nn.Module]) -> None:
        """Create the layers after the ears, with the block of each dilation by `make_block`."""
        width = config.width
        self.reference = nn.Sequential(nn.Linear(2 * config.num_keypoints, width), nn.GELU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(make_block(dilation) for dilation in config.dilations)
        self.norm = ChannelNorm(width)
        self.expression_head = nn.Conv1d(width, 2 * config.num_keypoints, 1)
        self.pose_head = nn.Conv1d(width, 4, 1)
        self.motion_gain_head = nn.Conv1d(width, 1, 1)
        for head in (self.expression_head, self.pose_head, self.motion_gain_head):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]  # these convolutions have a bias

    def decode(self, x: Float[Tensor, "b c t"]) -> Motion:
        """Return the motion for the output of the last block."""
        x = self.norm(x)
        expression = rearrange(self.expression_head(x), "b (k d) t -> b t k d", d=2)
        return Motion(expression, rearrange(self.pose_head(x), "b p t -> b t p"), self.motion_gain_head(x)[:, 0])
