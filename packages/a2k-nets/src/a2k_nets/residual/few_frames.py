"""The causal network for a few frames of a live stream, in as few operations as possible."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.residual.generator import CausalConv1d, ResidualBlock, ResidualGenerator, StreamingState, VectorState
from a2k_nets.residual.motion_network import Motion

#: For more frames, convolutions are faster than products of all the inputs of each frame.
FEW_FRAMES = 8


class FewFramesGenerator:
    """The network with its weights laid out for products, and without what every call has in common.

    For a frame every 40 ms, calls take more time than arithmetic. So time comes before channels, which spares
    transpositions, and the heads are one product. For a single frame, what the past inputs of all blocks add to their
    convolutions is one product more. Streams of one network can share it: it has no state of its own.

    Args:
        generator: The network in eval mode; later changes of its weights are not seen.
    """

    def __init__(self, generator: ResidualGenerator) -> None:
        self.contexts = VectorState.contexts_of(generator)
        self._stem = [_Product(layer) for layer in generator.stem if isinstance(layer, CausalConv1d)]
        blocks = [block for block in generator.blocks if isinstance(block, ResidualBlock)]
        self._blocks = [_Block(block) for block in blocks]
        self._norm = generator.norm
        heads = generator.expression_head, generator.pose_head, generator.motion_gain_head
        self._sizes = [head.out_channels for head in heads]
        self._head_weight = torch.cat([head.weight[..., 0] for head in heads])
        self._head_bias = torch.cat([_bias(head) for head in heads])
        convolutions = [block.conv for block in blocks]
        self._past_columns = torch.cat(list(map(self._columns, convolutions)))
        self._past_weights = torch.stack(
            [conv.weight[..., :-1].permute(2, 1, 0).flatten(0, 1) for conv in convolutions]
        )
        self._past_biases = torch.stack([_bias(conv)[None] for conv in convolutions])

    @property
    def state_size(self) -> int:
        """Numbers of the state of one stream, which is zeros at first."""
        return sum(self._state_sizes)

    @property
    def _state_sizes(self) -> list[int]:
        return [channels * context for channels, context in self.contexts.values()]

    def _columns(self, conv: CausalConv1d) -> Tensor:
        """Return where the state has the past inputs that the next output of a convolution needs."""
        channels, context = self.contexts[conv]
        first = sum(self._state_sizes[: list(self.contexts).index(conv)])
        device = conv.weight.device
        times = torch.arange(0, context, conv.dilation[0], device=device)
        return (first + channels * times[:, None] + torch.arange(channels, device=device)).flatten()

    def __call__(
        self, log_mel: Float[Tensor, "b m f"], embedding: Float[Tensor, "b c"], state: Float[Tensor, "b n"]
    ) -> tuple[Motion, Float[Tensor, "b n"]]:
        """Return what `ResidualGenerator.forward_chunk` does for the next chunk, and the state after it.

        Args:
            log_mel: As there.
            embedding: The embedded reference faces.
            state: That before the chunk, as `VectorState` has it.
        """
        x = log_mel.transpose(1, 2)
        if x.shape[1] == 4:
            x, state = self._hear_one(x, embedding, state)
        else:
            layers = VectorState(state, self.contexts)
            for layer in self._stem:
                x = F.gelu(layer(x, layers))
            x = x + embedding[:, None]
            for block in self._blocks:
                x = block(x, layers)
            state = layers.vector()
        x = F.linear(_normalize(self._norm, x), self._head_weight, self._head_bias)
        expression, pose, log_motion_gain = torch.split(x, self._sizes, dim=-1)
        motion = Motion(expression.view(*expression.shape[:2], -1, 2), pose, log_motion_gain[..., 0])
        return motion, state

    def _hear_one(
        self, x: Float[Tensor, "b 4 m"], embedding: Float[Tensor, "b c"], state: Float[Tensor, "b n"]
    ) -> tuple[Float[Tensor, "b 1 c"], Float[Tensor, "b n"]]:
        """Return the output of the last block for a single frame, and the state after it."""
        pasts, later = torch.split(state, self._state_sizes, dim=1), []
        for layer, past in zip(self._stem, pasts, strict=False):
            x = torch.cat((past.view(len(x), -1, x.shape[2]), x), dim=1)
            later.append(x[:, x.shape[1] - layer.context :].flatten(1))
            x = F.gelu(layer.multiply(x))
        now = x[:, 0] + embedding
        past_inputs = state.index_select(1, self._past_columns).view(len(now), len(self._blocks), -1)
        from_past = torch.baddbmm(self._past_biases, past_inputs.transpose(0, 1), self._past_weights)
        for block, past, before in zip(self._blocks, pasts[len(self._stem) :], from_past, strict=True):
            now, inputs = block.advance(now, before)
            if past.shape[1]:
                later += past[:, inputs.shape[1] :], inputs
        return now[:, None], torch.cat(later, dim=1)


class _Product:
    """A causal convolution as a product of a frame's inputs, `(B, T, C)` to `(B, T / stride, D)`."""

    def __init__(self, layer: CausalConv1d) -> None:
        self._layer = layer
        self.context, self._stride, self._dilation = layer.context, layer.stride[0], layer.dilation[0]
        self._span = self.context + self._stride
        self._weight = layer.weight.transpose(1, 2).flatten(1)
        self._bias = _bias(layer)

    def __call__(self, x: Float[Tensor, "b t c"], state: StreamingState) -> Float[Tensor, "b u d"]:
        return self.multiply(state.prepend_frames(self._layer, x, self.context))

    def multiply(self, x: Float[Tensor, "b t c"]) -> Float[Tensor, "b u d"]:
        """Return the output for inputs that begin with the past ones."""
        inputs = x.unfold(1, self._span, self._stride)[..., :: self._dilation].transpose(2, 3).flatten(2)
        return F.linear(inputs, self._weight, self._bias)


class _Block:
    """A residual block in eval mode."""

    def __init__(self, block: ResidualBlock) -> None:
        self._norm, self._conv = block.norm, _Product(block.conv)
        self._weight, self._bias = block.mix.weight[..., 0], _bias(block.mix)
        self._last = block.conv.weight[..., -1].T.contiguous()

    def __call__(self, x: Float[Tensor, "b t c"], state: StreamingState) -> Float[Tensor, "b t c"]:
        y = F.gelu(self._conv(_normalize(self._norm, x), state))
        return x + F.linear(y, self._weight, self._bias)

    def advance(
        self, x: Float[Tensor, "b c"], before: Float[Tensor, "b c"]
    ) -> tuple[Float[Tensor, "b c"], Float[Tensor, "b c"]]:
        """Return the output for a single frame, and the input of the convolution.

        Args:
            x: The frame.
            before: What the past inputs and the bias add to the convolution.
        """
        inputs = _normalize(self._norm, x)
        y = F.gelu(torch.addmm(before, inputs, self._last))
        return x + F.linear(y, self._weight, self._bias), inputs


def _normalize(norm: nn.LayerNorm, x: Float[Tensor, "*b c"]) -> Float[Tensor, "*b c"]:
    return F.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


def _bias(layer: nn.Conv1d) -> Tensor:
    assert layer.bias is not None
    return layer.bias
