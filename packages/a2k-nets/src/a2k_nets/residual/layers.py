"""Building blocks that never look ahead."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that everybody uses


class CausalConv1d(nn.Conv1d):
    """A convolution over time that sees only the present and the past."""

    @property
    def context(self) -> int:
        """Past input frames that an output frame needs, for a stride of 1 the number of zeros on the left."""
        return (self.kernel_size[0] - 1) * self.dilation[0] + 1 - self.stride[0]

    def forward(self, x: Float[Tensor, "b c f"], memory: "ConvMemory | None" = None) -> Float[Tensor, "b d g"]:
        """Return F / stride frames; frame g sees inputs up to (g + 1) · stride - 1.

        Args:
            x: The sequence, or with a memory the next piece of it, of a multiple of the stride.
            memory: What came before; without it, zeros.
        """
        return super().forward(F.pad(x, (self.context, 0)) if memory is None else memory.extend(self, x))


class ConvMemory:
    """The last inputs of each causal convolution, so that a sequence can come in pieces.

    Pieces that go through the same layers with one memory give what the whole sequence gives in one go.
    """

    def __init__(self) -> None:
        self._past: dict[CausalConv1d, Tensor] = {}

    def extend(self, layer: CausalConv1d, x: Float[Tensor, "b c f"]) -> Float[Tensor, "b c _"]:
        """Return a piece with the inputs that the layer saw before it, at first zeros, and keep its end."""
        past = self._past.get(layer)
        x = F.pad(x, (layer.context, 0)) if past is None else torch.cat((past, x), dim=-1)
        # A copy, because a view would keep the whole piece in memory.
        self._past[layer] = x[..., x.shape[-1] - layer.context :].clone()
        return x


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

    def forward(self, x: Float[Tensor, "b c t"], memory: ConvMemory | None = None) -> Float[Tensor, "b c t"]:
        """Return x plus what the block adds to it."""
        y: Tensor = self.dropout(self.mix(F.gelu(self.conv(self.norm(x), memory))))
        return x + y
