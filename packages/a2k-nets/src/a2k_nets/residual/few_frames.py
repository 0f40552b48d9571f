"""The causal network for a few frames of a live stream, in as few operations as possible."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.residual.generator import CausalConv1d, ResidualBlock, ResidualGenerator, StreamingState
from a2k_nets.residual.motion_network import Motion

#: For more frames, convolutions are faster than products of all the inputs of each frame.
FEW_FRAMES = 8


class FewFramesGenerator:
    """The network with its weights laid out for products, and without what every call has in common.

    For a frame every 40 ms, calls take more time than arithmetic. So time comes before channels, which spares
    transpositions, and the heads are one product. Streams of one network can share it: it has no state of its own.

    Args:
        generator: The network in eval mode; later changes of its weights are not seen.
    """

    def __init__(self, generator: ResidualGenerator) -> None:
        self._stem = [_Product(layer) for layer in generator.stem if isinstance(layer, CausalConv1d)]
        self._blocks = [_Block(block) for block in generator.blocks if isinstance(block, ResidualBlock)]
        self._norm = generator.norm
        heads = generator.expression_head, generator.pose_head, generator.motion_gain_head
        self._sizes = [head.out_channels for head in heads]
        self._head_weight = torch.cat([head.weight[..., 0] for head in heads])
        self._head_bias = torch.cat([_bias(head) for head in heads])

    def __call__(
        self, log_mel: Float[Tensor, "b m f"], embedding: Float[Tensor, "b c"], state: StreamingState
    ) -> Motion:
        """Return what `ResidualGenerator.forward_chunk` does for the next chunk.

        Args:
            log_mel: As there.
            embedding: The embedded reference faces.
            state: As there; chunks of any length share it.
        """
        x = log_mel.transpose(1, 2)
        for layer in self._stem:
            x = F.gelu(layer(x, state))
        x = x + embedding[:, None]
        for block in self._blocks:
            x = block(x, state)
        x = F.linear(_normalize(self._norm, x), self._head_weight, self._head_bias)
        expression, pose, log_motion_gain = torch.split(x, self._sizes, dim=-1)
        return Motion(expression.view(*expression.shape[:2], -1, 2), pose, log_motion_gain[..., 0])


class _Product:
    """A causal convolution as a product of a frame's inputs, `(B, T, C)` to `(B, T / stride, D)`."""

    def __init__(self, layer: CausalConv1d) -> None:
        self._layer = layer
        self._context, self._stride, self._dilation = layer.context, layer.stride[0], layer.dilation[0]
        self._span = self._context + self._stride
        self._weight = layer.weight.transpose(1, 2).flatten(1)
        self._bias = _bias(layer)

    def __call__(self, x: Float[Tensor, "b t c"], state: StreamingState) -> Float[Tensor, "b u d"]:
        x = state.prepend_frames(self._layer, x, self._context)
        if x.shape[1] == self._span:
            inputs = x[:, :: self._dilation].flatten(1)[:, None]
        else:
            inputs = x.unfold(1, self._span, self._stride)[..., :: self._dilation].transpose(2, 3).flatten(2)
        return F.linear(inputs, self._weight, self._bias)


class _Block:
    """A residual block in eval mode."""

    def __init__(self, block: ResidualBlock) -> None:
        self._norm, self._conv = block.norm, _Product(block.conv)
        self._weight, self._bias = block.mix.weight[..., 0], _bias(block.mix)

    def __call__(self, x: Float[Tensor, "b t c"], state: StreamingState) -> Float[Tensor, "b t c"]:
        y = F.gelu(self._conv(_normalize(self._norm, x), state))
        return x + F.linear(y, self._weight, self._bias)


def _normalize(norm: nn.LayerNorm, x: Float[Tensor, "b t c"]) -> Float[Tensor, "b t c"]:
    return F.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


def _bias(layer: nn.Conv1d) -> Tensor:
    assert layer.bias is not None
    return layer.bias
