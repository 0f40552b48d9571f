"""The network of the `residual` preset: log-mel spectrogram and reference face in, motion out, strictly causal."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.config.residual import ModelConfig
from a2k_nets.residual.motion_network import ChannelNorm, Motion, MotionNetwork


class StreamingState:
    """The last inputs of each causal convolution.

    Chunks that pass through the same layers with one state give the output of the whole sequence. Another place for the
    inputs overrides `load` and `store`.
    """

    def __init__(self) -> None:
        self._past: dict[CausalConv1d, Tensor] = {}

    def load(self, layer: "CausalConv1d", like: Tensor, *, channels: int, context: int) -> Float[Tensor, "b c k"]:
        """Return the last inputs of a layer, at first zeros, for a chunk of as many rows as `like`."""
        past = self._past.get(layer)
        return like.new_zeros(len(like), channels, context) if past is None else past

    def store(self, layer: "CausalConv1d", past: Float[Tensor, "b c k"]) -> None:
        """Keep the last inputs of a layer."""
        self._past[layer] = past

    def prepend_past(self, layer: "CausalConv1d", x: Float[Tensor, "b c f"]) -> Float[Tensor, "b c _"]:
        """Return a chunk with the previous inputs of the layer before it, and store its end."""
        context = layer.context
        x = torch.cat((self.load(layer, x, channels=x.shape[1], context=context), x), dim=-1)
        # A copy, because a view would keep the whole chunk in memory.
        self.store(layer, x[..., x.shape[-1] - context :].clone())
        return x

    def prepend_frames(self, layer: "CausalConv1d", x: Float[Tensor, "b t c"], context: int) -> Float[Tensor, "b _ c"]:
        """Do the same for a few frames whose channels come last; `context` is that of the layer."""
        past = self.load(layer, x, channels=x.shape[2], context=context)
        x = torch.cat((past.transpose(1, 2), x), dim=1)
        self.store(layer, x[:, x.shape[1] - context :].transpose(1, 2))
        return x


class CausalConv1d(nn.Conv1d):
    """A convolution over time that uses only present and past frames."""

    @property
    def context(self) -> int:
        """Past input frames that an output frame needs; for a stride of 1, the number of zeros on the left."""
        return (self.kernel_size[0] - 1) * self.dilation[0] + 1 - self.stride[0]

    def forward(self, x: Float[Tensor, "b c f"], state: StreamingState | None = None) -> Float[Tensor, "b d g"]:
        """Return F / stride frames; frame g depends on inputs up to (g + 1) · stride - 1.

        Args:
            x: The sequence, or with a state its next chunk, whose length is a multiple of the stride.
            state: The inputs before the chunk; without it, zeros.
        """
        return super().forward(F.pad(x, (self.context, 0)) if state is None else state.prepend_past(self, x))


class VectorState(StreamingState):
    """The last inputs of all causal convolutions of a network in one vector a stream, zeros at first.

    Args:
        vector: The state before a chunk, `(B, N)`.
        contexts: Channels and number of past inputs of each layer, by `contexts_of`.
    """

    def __init__(self, vector: Float[Tensor, "b n"], contexts: "dict[CausalConv1d, tuple[int, int]]") -> None:
        super().__init__()
        parts = torch.split(vector, [channels * context for channels, context in contexts.values()], dim=1)
        # Channels come last, as in the chunks of `FewFramesGenerator`.
        self._past = {
            layer: part.reshape(-1, context, channels).transpose(1, 2)
            for (layer, (channels, context)), part in zip(contexts.items(), parts, strict=True)
        }

    @staticmethod
    def contexts_of(network: nn.Module) -> "dict[CausalConv1d, tuple[int, int]]":
        """Return the causal convolutions of a network, with the channels and the number of their past inputs."""
        layers = [layer for layer in network.modules() if isinstance(layer, CausalConv1d)]
        return {layer: (layer.in_channels, layer.context) for layer in layers}

    def vector(self) -> Float[Tensor, "b n"]:
        """Return the state after the chunk."""
        return torch.cat([past.transpose(1, 2).flatten(1) for past in self._past.values()], dim=1)


class ResidualBlock(nn.Module):
    """x + dropout(mix(gelu(causal dilated convolution(norm(x)))))."""

    def __init__(self, width: int, *, kernel_size: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = ChannelNorm(width)
        self.conv = CausalConv1d(width, width, kernel_size, dilation=dilation)
        self.mix = nn.Conv1d(width, width, 1)
        self.dropout = nn.Dropout1d(dropout)

    def forward(self, x: Float[Tensor, "b c t"], state: StreamingState | None = None) -> Float[Tensor, "b c t"]:
        """Return x plus the output of the block."""
        y: Tensor = self.dropout(self.mix(F.gelu(self.conv(self.norm(x), state))))
        return x + y


class ResidualGenerator(MotionNetwork):
    """Predicts displacements from the reference, strictly causal.

    Mel bands are channels. Two strided causal convolutions downsample the spectrogram to the frame rate, and dilated
    causal blocks follow.

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

        def make_block(dilation: int) -> nn.Module:
            return ResidualBlock(width, kernel_size=config.kernel_size, dilation=dilation, dropout=config.dropout)

        self.add_body(config, make_block)

    def forward(self, log_mel: Float[Tensor, "b m f"], reference: Float[Tensor, "b c"]) -> Motion:
        """Return the motion of B faces over T frames.

        Args:
            log_mel: Normalised log-mel bands, four frames per video frame.
            reference: Normalised reference face, 2·K values.
        """
        return self.forward_chunk(self.shift(log_mel), reference)

    def shift(self, log_mel: Float[Tensor, "b m f"]) -> Float[Tensor, "b m f"]:
        """Return a spectrogram shifted to the left, which gives the causal network its look-ahead, zeros at the end."""
        ahead = self.config.lookahead_hops
        return F.pad(log_mel[..., ahead:], (0, ahead))

    def forward_chunk(
        self, log_mel: Float[Tensor, "b m f"], reference: Float[Tensor, "b c"], state: StreamingState | None = None
    ) -> Motion:
        """Return the motion for a spectrogram that is already shifted by the look-ahead, or for its next chunk.

        Args:
            log_mel: Normalised log-mel bands that begin `lookahead_hops` after the first video frame to generate.
            reference: Normalised reference face, 2·K values.
            state: State of the convolutions after the previous chunks.
        """
        return self.decode(self.hear(log_mel, self.reference(reference)[..., None], state))

    def hear(
        self, log_mel: Float[Tensor, "b m f"], embedding: Float[Tensor, "*b c 1"], state: StreamingState | None = None
    ) -> Float[Tensor, "b c t"]:
        """Return the output of the last block for a spectrogram that is already shifted, or for its next chunk.

        Args:
            log_mel: As in `forward_chunk`.
            embedding: The embedded reference face, or zeros for none.
            state: As in `forward_chunk`.
        """
        x = log_mel
        for layer in self.stem:
            x = layer(x, state) if isinstance(layer, CausalConv1d) else layer(x)
        x = x + embedding
        for block in self.blocks:
            x = block(x, state)
        return x
