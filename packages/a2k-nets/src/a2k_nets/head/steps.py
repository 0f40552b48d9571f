"""The network of the head frame by frame, for many streams at a time."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.head.network import COMPONENTS, HeadNetwork
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
    streams are beside it.

    Args:
        network: The network; later changes of its weights are not seen.
        rows: Streams at a time.
    """

    def __init__(self, network: HeadNetwork, rows: int) -> None:
        network = copy.deepcopy(network).cpu().double().eval()
        self._network, self._hidden = network, network.config.hidden
        state = network.memory
        inputs: _Array = _numpy(state.weight_ih_l0)
        width = network.config.width
        self._motion_weight = np.ascontiguousarray(inputs[:, width:].T)
        self._input_bias = _numpy(state.bias_ih_l0)
        self._memory_weight = np.ascontiguousarray(_numpy(state.weight_hh_l0).T)
        self._memory_bias = _numpy(state.bias_hh_l0)
        self._speech_weight = torch.from_numpy(inputs[:, :width])
        self._skip_bias = _numpy(network.skip.bias)
        self._eps = network.norm.eps
        # The scale and shift of the norm are part of the layer after it.
        weight = _numpy(network.mixture.weight)
        self._mixture = np.ascontiguousarray((weight * _numpy(network.norm.weight)).T)
        self._mixture_bias = weight @ _numpy(network.norm.bias) + _numpy(network.mixture.bias)
        self._transition = np.concatenate([_numpy(matrix).T for matrix in network.coefficients])
        self._noise = _numpy(network.noise).T
        self._guidance = [float(value) for value in network.guidance]
        self._pause_gain = float(network.pause_gain)
        self._features = network.features.begin(rows)
        layers = [layer for layer in network.convolutions if isinstance(layer, nn.Conv1d)]
        self._convolutions = [(layer.weight, layer.bias) for layer in layers]
        # The last inputs of each convolution.
        spans = [2 * dilation for dilation in network.config.dilations]
        self._past_inputs = [torch.zeros(rows, span, width, dtype=torch.float64) for span in spans]
        # The recurrent state with speech and without, x one and two frames ago, the style, frames so far, and those of
        # the pause that lasts.
        self._memory = np.zeros((rows, 2, self._hidden))
        self._positions = np.zeros((rows, 2 * COMPONENTS))
        self._log_gains = np.zeros((rows, 3))
        self._own_style = np.zeros(rows, dtype=bool)
        self._frames, self._paused = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
        self._index = np.arange(rows)

    def clear(self, row: int, log_gains: Float[Tensor, " 3"] | None = None) -> None:
        """Begin another stream in a row, in a given style or one that its first frame draws."""
        fresh = self._network.features.begin(1)
        for name in FeatureState.__slots__:
            getattr(self._features, name)[row] = getattr(fresh, name)[0]
        for past in self._past_inputs:
            past[row] = 0
        self._memory[row], self._positions[row], self._frames[row], self._paused[row] = 0, 0, 0, 0
        self._own_style[row] = log_gains is not None
        self._log_gains[row] = 0 if log_gains is None else _numpy(log_gains.cpu().double())

    @torch.no_grad()
    def advance(
        self, samples: Float[Tensor, "b s"], noise: Float[Tensor, "b t 10"], rows: Sequence[int] | None = None
    ) -> Float[Tensor, "b t 9"]:
        """Return the motion of the next T frames of some streams, on the CPU.

        A stream begins at rest: the motion of its first frame is zero, and that frame's noise draws the style.

        Args:
            samples: The sound under the frames' Fourier windows, as `SpeechFeatures.forward` takes it.
            noise: Standard normal, on the CPU: nine numbers for the innovation, and one that chooses its component.
            rows: The streams, each once; by default all.
        """
        every = np.arange(len(self._frames)) if rows is None else np.asarray(rows)
        hidden, pauses = self._hear(samples.cpu(), torch.from_numpy(every))
        chance = torch.special.ndtr(noise[..., COMPONENTS].double()).numpy()
        new = every[(self._frames[every] == 0) & ~self._own_style[every]]
        if len(new):
            styles = _numpy(self._network.styles)
            first = chance[self._frames[every] == 0, 0][~self._own_style[every[self._frames[every] == 0]]]
            self._log_gains[new] = styles[(first * len(styles)).astype(int).clip(max=len(styles) - 1)]
        sizes = self._innovation_sizes(every, pauses.numpy())
        x = self._move(every, hidden, sizes, noise[..., :COMPONENTS].double().numpy(), chance)
        size = self._network.scale(torch.from_numpy(self._log_gains[every])) * self._network.calibration
        return (torch.from_numpy(x) * size[:, None]).to(torch.float32)

    def _hear(self, samples: Tensor, rows: Tensor) -> tuple[Float[Tensor, "b t w"], Bool[Tensor, "b t"]]:
        """Return hidden speech as `HeadNetwork.hear` does, after the frames before, and which frames are in pauses."""
        network = self._network
        state = FeatureState(*(getattr(self._features, name)[rows] for name in FeatureState.__slots__))
        features = network.features(samples, state)
        speech = network.normalize(features)
        for name in FeatureState.__slots__:
            getattr(self._features, name)[rows] = getattr(state, name)
        x = F.linear(speech, network.ears.weight[..., 0], network.ears.bias)
        for (weight, bias), past in zip(self._convolutions, self._past_inputs, strict=True):
            inputs = torch.cat((past[rows], F.gelu(x)), dim=1)
            past[rows] = inputs[:, inputs.shape[1] - past.shape[1] :]
            step, frames = past.shape[1] // 2, x.shape[1]
            y = torch.zeros_like(x) if bias is None else bias
            for tap in range(3):
                y = y + inputs[:, tap * step : tap * step + frames] @ weight[..., tap].T
            x = x + F.gelu(y)
        return x, network.features.is_pause(features)

    def _innovation_sizes(self, rows: Any, pauses: Any) -> _Array:
        """Return the size of the head's innovations of the next frames, `(B, T)`; it falls when a pause begins."""
        count = np.arange(1, pauses.shape[1] + 1)
        spoken = np.maximum.accumulate(np.where(pauses, 0, count), axis=1)
        lasting = count - spoken + np.where(spoken == 0, self._paused[rows, None], 0)
        self._paused[rows] = lasting[:, -1]
        sizes: _Array = 1 - (1 - self._pause_gain) * np.minimum(lasting / _STOPPING, 1)
        return sizes

    def _move(self, rows: Any, hidden: Tensor, sizes: _Array, noise: _Array, chance: _Array) -> _Array:
        """Return x of the next frames, `(B, T, 9)`, and advance the state."""
        size, (batch, frames) = self._hidden, chance.shape
        memory, positions = self._memory[rows], self._positions[rows]
        style = self._log_gains[rows] @ self._motion_weight[2 * COMPONENTS :] + self._input_bias
        # Large products are torch's: after one of them, the threads of NumPy's would keep a core busy for a while.
        given = np.empty((frames, batch, 2, 3 * size))
        given[:, :, 0] = (F.linear(hidden, self._speech_weight).numpy() + style[:, None]).swapaxes(0, 1)
        given[:, :, 1] = style
        skip = np.empty((frames, batch, 2, size))
        skip[:, :, 0] = self._network.skip(hidden).numpy().swapaxes(0, 1)
        skip[:, :, 1] = self._skip_bias
        motion_weight = self._motion_weight[: 2 * COMPONENTS].copy()
        # The inputs are x and four times its velocity: written for the last two positions.
        motion_weight[:COMPONENTS] += 4.0 * motion_weight[COMPONENTS:]
        motion_weight[COMPONENTS:] *= -4.0
        average = np.full(size, 1 / size)
        found = np.empty((batch, frames, COMPONENTS))
        starting = self._frames[rows] == 0
        for t in range(frames):
            inputs = given[t] + (positions @ motion_weight)[:, None]
            recurrent = memory @ self._memory_weight
            recurrent += self._memory_bias
            # Half a hyperbolic tangent is a logistic function.
            gates = np.tanh(0.5 * (inputs[..., : 2 * size] + recurrent[..., : 2 * size]))
            gates = 0.5 * gates + 0.5
            fresh = np.tanh(inputs[..., 2 * size :] + gates[..., :size] * recurrent[..., 2 * size :])
            memory = fresh + gates[..., size:] * (memory - fresh)
            y = memory + skip[t]
            y -= (y @ average)[..., None]
            y /= np.sqrt((y * y) @ average + self._eps)[..., None]
            innovation = self._draw(y @ self._mixture + self._mixture_bias, noise[:, t], chance[:, t])
            innovation[:, :_HEAD] *= sizes[:, t, None]
            x = positions @ self._transition + innovation @ self._noise
            np.maximum(np.minimum(x, _LARGEST, out=x), -_LARGEST, out=x)
            if t == 0 and starting.any():
                x[starting] = 0
            positions = np.concatenate((x, positions[:, :COMPONENTS]), axis=1)
            found[:, t] = x
        self._memory[rows], self._positions[rows] = memory, positions
        self._frames[rows] += frames
        return found

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
        rows = self._index[:batch]
        chosen = np.minimum((weight[:, 0].cumsum(axis=-1) < chance[:, None]).sum(axis=-1), count - 1)
        more, spread = self._guidance
        offset = mean[rows, 0, chosen] + std[rows, 0, chosen] * noise - middle[:, 0]
        if spread:
            variance = np.log(np.maximum(square - middle * middle, 1e-9))
            ratio = np.add.reduce(variance[:, 0] - variance[:, 1], axis=-1) * (0.5 * spread / COMPONENTS)
            offset *= np.exp(np.maximum(np.minimum(ratio, _LARGEST_SPREAD), -_LARGEST_SPREAD))[:, None]
        innovation: _Array = more * middle[:, 0] - (more - 1) * middle[:, 1] + offset
        return innovation


def _numpy(tensor: Tensor | nn.Module) -> _Array:
    assert isinstance(tensor, Tensor)  # torch takes a parameter's name for that of a module
    array: _Array = tensor.detach().numpy()
    return array
