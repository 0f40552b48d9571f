"""The network of the head frame by frame, for many streams at a time."""

import copy
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.head.network import COMPONENTS, GROUPS, HeadNetwork
from a2k_nets.head.speech_features import FeatureState

#: Standard normal numbers that a frame takes: one for each component, and one that chooses among the mixture.
NOISE = COMPONENTS + 1

# Bounds of the motion, in deviations, and of the logarithm of the guidance of its spread.
_LARGEST, _LARGEST_SPREAD = 8.0, 0.7

# Frames in which a head comes to rest after speech, and the components that do: brows do not.
_STOPPING, _HEAD = 5, 6

_Array = np.ndarray[Any, np.dtype[np.float64]]


class HeadSteps:
    """The state of many streams of `HeadNetwork`, each in a row of its own.

    A frame takes a few dozen small products, so they are done by NumPy, whose calls take less time than torch's, on the
    CPU. They are in double precision: a stream moves alike on every device, in chunks of any length, and whichever
    streams are beside it. What does not change from frame to frame is part of the weights.

    Args:
        network: The network; later changes of its weights are not seen.
        rows: Streams at a time.
    """

    def __init__(self, network: HeadNetwork, rows: int) -> None:
        network = copy.deepcopy(network).cpu().double().eval().requires_grad_(False)
        self._network, self._pause_gain = network, float(network.pause_gain)
        self._guidance = [float(value) for value in network.guidance]
        self._lay_out_speech(network)
        self._lay_out_motion(network)
        # The features' statistics and the last inputs of each convolution; the recurrent state with speech and without.
        fresh = network.features.begin(1).numbers[0]
        self._num_statistics = len(fresh)
        self._fresh = torch.cat((fresh, fresh.new_zeros(sum(self._spans) * network.config.width)))
        self._heard = self._fresh.repeat(rows, 1)
        self._memory = np.zeros((rows, 2, network.config.hidden))
        # x one and two frames ago, the style, and a one for the bias; the size of x in the style.
        self._given = np.zeros((rows, 2 * COMPONENTS + GROUPS + 1))
        self._given[:, -1] = 1
        self._sizes = np.zeros((rows, COMPONENTS))
        self._own_style = np.zeros(rows, dtype=bool)
        # Frames so far, and those of the pause that lasts.
        self._frames, self._paused = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
        self._every = np.arange(rows)

    def _lay_out_speech(self, network: HeadNetwork) -> None:
        """Prepare the weights of the layers that hear."""
        # The normalization of the features is part of the first layer.
        self._ears = network.ears.weight[..., 0] / network.speech_std
        self._ears_bias = _numbers(network.ears.bias) - self._ears @ network.speech_mean
        layers = [layer for layer in network.convolutions if isinstance(layer, nn.Conv1d)]
        # A convolution is a product of a frame's three inputs.
        self._convolutions = [(layer.weight.transpose(1, 2).flatten(1), layer.bias) for layer in layers]
        self._spans = [2 * dilation for dilation in network.config.dilations]
        # Hidden speech goes into the recurrent layer and around it.
        width, skip = network.config.width, network.skip
        inputs = _halve_gates(network.memory.weight_ih_l0)
        self._onward = torch.cat((inputs[:, :width], skip.weight))
        self._onward_bias = torch.cat((torch.zeros(len(inputs), dtype=torch.float64), skip.bias))
        self._skip_bias = _numpy(skip.bias)

    def _lay_out_motion(self, network: HeadNetwork) -> None:
        """Prepare the weights of the recurrent layer and what follows."""
        state = network.memory
        inputs = _numpy(_halve_gates(state.weight_ih_l0)).T[network.config.width :].copy()
        # The inputs are x and four times its velocity: written for the last two positions.
        inputs[:COMPONENTS] += 4.0 * inputs[COMPONENTS : 2 * COMPONENTS]
        inputs[COMPONENTS : 2 * COMPONENTS] *= -4.0
        self._given_weight = np.concatenate((inputs, _numpy(_halve_gates(state.bias_ih_l0))[None]))
        self._memory_weight = _halve_gates(state.weight_hh_l0).T.contiguous()
        self._memory_bias = _halve_gates(state.bias_hh_l0)
        self._eps = network.norm.eps
        # The scale and shift of the norm are part of the layer after it.
        self._mixture = (network.mixture.weight * network.norm.weight).T.contiguous()
        self._mixture_bias = network.mixture.weight @ network.norm.bias + network.mixture.bias
        self._transition = np.concatenate([_numpy(matrix).T for matrix in network.coefficients])
        self._noise = _numpy(network.noise).T
        self._unit, self._styles = _numpy(network.unit * network.calibration), _numpy(network.styles)

    def clear(self, row: int, log_gains: Float[Tensor, " 3"] | None = None) -> None:
        """Begin another stream in a row, in a given style or one that its first frame draws."""
        self._heard[row] = self._fresh
        self._memory[row], self._given[row, :-1], self._frames[row], self._paused[row] = 0, 0, 0, 0
        self._own_style[row] = log_gains is not None
        if log_gains is not None:
            self._take_on(row, _numpy(log_gains.cpu().double()))

    def _take_on(self, rows: Any, log_gains: _Array) -> None:
        """Set the style of streams."""
        self._given[rows, 2 * COMPONENTS : -1] = log_gains
        self._sizes[rows] = self._unit * np.exp(log_gains).repeat(COMPONENTS // GROUPS, axis=-1)

    @torch.no_grad()
    def advance(
        self, samples: Float[Tensor, "b s"], noise: Float[Tensor, "b t 10"], rows: ArrayLike | None = None
    ) -> Float[Tensor, "b t 9"]:
        """Return the motion of the next T frames of some streams, on the CPU.

        A stream begins at rest: the motion of its first frame is zero, and that frame's noise draws the style.

        Args:
            samples: The sound under the frames' Fourier windows, as `SpeechFeatures.forward` takes it.
            noise: Standard normal, on the CPU: nine numbers for the innovation, and one that chooses its component.
            rows: The streams, each once; by default all.
        """
        every = self._every if rows is None else np.asarray(rows)
        hidden, pauses = self._hear(samples.cpu(), torch.from_numpy(every))
        chance = torch.special.ndtr(noise[..., COMPONENTS].double()).numpy()
        starting = self._frames[every] == 0
        drawing = starting & ~self._own_style[every]
        if drawing.any():
            drawn = (chance[drawing, 0] * len(self._styles)).astype(int).clip(max=len(self._styles) - 1)
            self._take_on(every[drawing], self._styles[drawn])
        sizes = self._innovation_sizes(every, pauses.numpy())
        x = self._move(every, hidden, sizes, noise[..., :COMPONENTS].double().numpy(), chance, starting)
        return torch.from_numpy((x * self._sizes[every, None]).astype(np.float32))

    def _hear(self, samples: Tensor, rows: Tensor) -> tuple[Float[Tensor, "b t w"], Bool[Tensor, "b t"]]:
        """Return hidden speech as `HeadNetwork.hear` does, after the frames before, and which frames are in pauses."""
        listen, width = self._network.features, self._network.config.width
        heard = self._heard.index_select(0, rows)
        state = FeatureState(heard[:, : self._num_statistics])
        pasts = torch.split(heard[:, self._num_statistics :].view(len(heard), -1, width), self._spans, dim=1)
        features = listen(samples, state)
        x, later = F.linear(features, self._ears, self._ears_bias), [state.numbers]
        for (weight, bias), past in zip(self._convolutions, pasts, strict=True):
            inputs = torch.cat((past, F.gelu(x)), dim=1)
            later.append(inputs[:, x.shape[1] :].flatten(1))
            step, frames = past.shape[1] // 2, x.shape[1]
            taps = torch.cat([inputs[:, tap * step : tap * step + frames] for tap in range(3)], dim=2)
            x = x + F.gelu(F.linear(taps, weight, bias))
        self._heard.index_copy_(0, rows, torch.cat(later, dim=1))
        return x, listen.is_pause(features)

    def _innovation_sizes(self, rows: Any, pauses: Any) -> _Array:
        """Return the size of the head's innovations of the next frames, `(B, T)`; it falls when a pause begins."""
        count = np.arange(1, pauses.shape[1] + 1)
        spoken = np.maximum.accumulate(np.where(pauses, 0, count), axis=1)
        lasting = count - spoken + np.where(spoken == 0, self._paused[rows, None], 0)
        self._paused[rows] = lasting[:, -1]
        sizes: _Array = 1 - (1 - self._pause_gain) * np.minimum(lasting / _STOPPING, 1)
        return sizes

    def _move(
        self,
        rows: Any,
        hidden: Float[Tensor, "b t w"],
        sizes: _Array,
        noise: _Array,
        chance: _Array,
        starting: Any,
    ) -> _Array:
        """Return x of the next frames, `(B, T, 9)`, and advance the state.

        Args:
            rows: The streams.
            hidden: Hidden speech.
            sizes: Sizes of the innovations of the head, `(B, T)`.
            noise: Standard normal, `(B, T, 9)`.
            chance: What chooses the components, `(B, T)`, 0 to 1.
            starting: Whether the first of these frames is that of the stream, `(B,)`.
        """
        size, (batch, frames) = self._memory.shape[-1], chance.shape
        memory, given = self._memory[rows], self._given[rows]
        # Large products are torch's: after one of them, the threads of NumPy's would keep a core busy for a while.
        onward = F.linear(hidden, self._onward, self._onward_bias).numpy()
        inputs, found = np.empty((batch, 2, 3 * size)), np.empty((batch, frames, COMPONENTS))
        for t in range(frames):
            np.matmul(given, self._given_weight, out=inputs[:, 1])
            np.add(inputs[:, 1], onward[:, t, : 3 * size], out=inputs[:, 0])
            recurrent = self._product(memory, self._memory_weight, self._memory_bias)
            # Half a hyperbolic tangent of half the input is a logistic function; the weights are halved.
            gates = np.tanh(inputs[..., : 2 * size] + recurrent[..., : 2 * size])
            gates *= 0.5
            gates += 0.5
            fresh = np.tanh(inputs[..., 2 * size :] + gates[..., :size] * recurrent[..., 2 * size :])
            memory -= fresh
            memory *= gates[..., size:]
            memory += fresh
            y = memory + self._skip_bias
            np.add(memory[:, 0], onward[:, t, 3 * size :], out=y[:, 0])
            y -= np.add.reduce(y, axis=-1, keepdims=True) / size
            y /= np.sqrt(np.add.reduce(y * y, axis=-1, keepdims=True) / size + self._eps)
            innovation = self._draw(self._product(y, self._mixture, self._mixture_bias), noise[:, t], chance[:, t])
            innovation[:, :_HEAD] *= sizes[:, t, None]
            x = given[:, : 2 * COMPONENTS] @ self._transition + innovation @ self._noise
            np.maximum(np.minimum(x, _LARGEST, out=x), -_LARGEST, out=x)
            if t == 0:
                x[starting] = 0
            given[:, COMPONENTS : 2 * COMPONENTS] = given[:, :COMPONENTS]
            given[:, :COMPONENTS] = found[:, t] = x
        self._memory[rows], self._given[rows] = memory, given
        self._frames[rows] += frames
        return found

    @staticmethod
    def _product(x: _Array, weight: Float[Tensor, "n m"], bias: Float[Tensor, " m"]) -> _Array:
        """Return a layer's output for the last of three dimensions."""
        output: _Array = torch.addmm(bias, torch.from_numpy(x.reshape(-1, x.shape[-1])), weight).numpy()
        return output.reshape(*x.shape[:-1], -1)

    def _draw(self, output: _Array, noise: _Array, chance: _Array) -> _Array:
        """Return innovations `(B, 9)` from the numbers of the last layer with speech and without, `(B, 2, M)`."""
        count = self._network.config.mixtures
        batch, means = len(output), count * COMPONENTS
        weight = np.exp(output[..., :count] - output[..., :count].max(axis=-1, keepdims=True))
        weight /= np.add.reduce(weight, axis=-1, keepdims=True)
        shape = (batch, 2, count, COMPONENTS)
        mean = 4.0 * np.tanh(0.25 * output[..., count : count + means]).reshape(shape)
        log_std = np.maximum(np.minimum(output[..., count + means :], 2.0), -4.0)
        std = np.exp(log_std).reshape(shape)
        moments = weight[:, :, None] @ np.concatenate((mean, std * std + mean * mean), axis=-1)
        middle, square = moments[:, :, 0, :COMPONENTS], moments[:, :, 0, COMPONENTS:]
        rows = self._every[:batch]
        chosen = np.minimum((weight[:, 0].cumsum(axis=-1) < chance[:, None]).sum(axis=-1), count - 1)
        more, spread = self._guidance
        offset = mean[rows, 0, chosen] + std[rows, 0, chosen] * noise - middle[:, 0]
        if spread:
            variance = np.log(np.maximum(square - middle * middle, 1e-9))
            ratio = np.add.reduce(variance[:, 0] - variance[:, 1], axis=-1) * (0.5 * spread / COMPONENTS)
            offset *= np.exp(np.maximum(np.minimum(ratio, _LARGEST_SPREAD), -_LARGEST_SPREAD))[:, None]
        innovation: _Array = more * middle[:, 0] - (more - 1) * middle[:, 1] + offset
        return innovation


def _halve_gates(parameter: Tensor | nn.Module) -> Tensor:
    """Return weights or biases of a recurrent layer with those of its two gates halved; its last third is no gate."""
    reset, update, fresh = _numbers(parameter).chunk(3)
    return torch.cat((reset / 2, update / 2, fresh))


def _numbers(parameter: Tensor | nn.Module | None) -> Tensor:
    assert isinstance(parameter, Tensor)  # torch takes a parameter's name for that of a module
    return parameter.detach()


def _numpy(parameter: Tensor | nn.Module) -> _Array:
    array: _Array = _numbers(parameter).numpy()
    return array
