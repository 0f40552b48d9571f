"""The `residual` preset's generator: spectrogram and reference face in, motion out."""

from typing import NamedTuple

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that everybody uses

from a2k_nets.config.residual import ModelConfig
from a2k_nets.residual.layers import CausalConv1d, ChannelNorm, ConvMemory, ResidualBlock


class Motion(NamedTuple):
    """What the network says of each frame.

    Attributes:
        expression: Normalised displacement of the pose-free face, `(B, T, K, 2)`.
        pose: Normalised pose of the head, `(B, T, 4)`.
        log_sway: How much more than typical the head moves of itself, as a logarithm, `(B, T)`.
    """

    expression: Tensor
    pose: Tensor
    log_sway: Tensor


class ResidualGenerator(nn.Module):
    """Predicts displacements from the reference; before training it predicts none.

    Mel bands are channels. Two strided causal convolutions bring the spectrogram to the frame rate, dilated causal
    blocks look at the past, and three zero-initialised heads give expression, pose, and how lively the head is.

    Args:
        config: Widths, dilations, look-ahead.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        width, kernel = config.width, config.stem_kernel_size
        self.stem = nn.Sequential(
            CausalConv1d(config.audio.n_mels, width, kernel, stride=2),
            nn.GELU(),
            CausalConv1d(width, width, kernel, stride=2),
            nn.GELU(),
        )
        self.reference = nn.Sequential(nn.Linear(2 * config.num_keypoints, width), nn.GELU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(
            ResidualBlock(width, kernel_size=config.kernel_size, dilation=dilation, dropout=config.dropout)
            for dilation in config.dilations
        )
        self.norm = ChannelNorm(width)
        self.expression_head = nn.Conv1d(width, 2 * config.num_keypoints, 1)
        self.pose_head = nn.Conv1d(width, 4, 1)
        self.sway_head = nn.Conv1d(width, 1, 1)
        for head in (self.expression_head, self.pose_head, self.sway_head):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]  # these convolutions have a bias

    def forward(self, log_mel: Float[Tensor, "b m f"], reference: Float[Tensor, "b c"]) -> Motion:
        """Return the motion of B faces over T frames.

        Args:
            log_mel: Normalised log-mel bands, four frames a video frame.
            reference: Normalised reference face, 2·K values.
        """
        # Shifting the spectrogram to the left lets a causal network hear a little of what comes.
        ahead = self.config.lookahead_hops
        return self.proceed(F.pad(log_mel[..., ahead:], (0, ahead)), reference)

    def proceed(
        self, log_mel: Float[Tensor, "b m f"], reference: Float[Tensor, "b c"], memory: ConvMemory | None = None
    ) -> Motion:
        """Return the same for a spectrogram that is already shifted by the look-ahead, or for the next piece of it.

        Args:
            log_mel: Normalised log-mel bands, beginning `lookahead_hops` after the first video frame to generate.
            reference: Normalised reference face, 2·K values.
            memory: What the convolutions saw of the pieces before.
        """
        x = log_mel
        for layer in self.stem:
            x = layer(x, memory) if isinstance(layer, CausalConv1d) else layer(x)
        x = x + self.reference(reference)[..., None]
        for block in self.blocks:
            x = block(x, memory)
        x = self.norm(x)
        expression = rearrange(self.expression_head(x), "b (k d) t -> b t k d", d=2)
        pose = rearrange(self.pose_head(x), "b p t -> b t p")
        return Motion(expression, pose, self.sway_head(x)[:, 0])
