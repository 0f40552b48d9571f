"""Building blocks that never look ahead."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that everybody uses

__all__ = ["CausalConv1d", "ChannelNorm", "ResidualBlock"]


class CausalConv1d(nn.Conv1d):
    """A convolution over time that sees only the present and the past."""

    @property
    def context(self) -> int:
        """Past input frames that an output frame needs, for a stride of 1 the number of zeros on the left."""
        return (self.kernel_size[0] - 1) * self.dilation[0] + 1 - self.stride[0]

    def forward(self, x: Float[Tensor, "b c f"]) -> Float[Tensor, "b d g"]:
        """Return F / stride frames; frame g sees inputs up to (g + 1) · stride - 1."""
        return super().forward(F.pad(x, (self.context, 0)))


class ChannelNorm(nn.LayerNorm):
    """Normalises each frame over its channels, so that no frame depends on another."""

    def forward(self, x: Float[Tensor, "b c f"]) -> Float[Tensor, "b c f"]:
        """Return x with zero mean and unit variance over channels, scaled and shifted."""
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class ResidualBlock(nn.Module):
    """x + dropout(mix(gelu(causal dilated convolution(norm(x)))))."""

    def __init__(self, width: int, *, kernel_size: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = ChannelNorm(width)
        self.conv = CausalConv1d(width, width, kernel_size, dilation=dilation)
        self.mix = nn.Conv1d(width, width, 1)
        self.dropout = nn.Dropout1d(dropout)

    def forward(self, x: Float[Tensor, "b c t"]) -> Float[Tensor, "b c t"]:
        """Return x plus what the block adds to it."""
        y: Tensor = self.dropout(self.mix(F.gelu(self.conv(self.norm(x)))))
        return x + y
