"""The network that moves head and brows: an autoregression whose innovations follow speech."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.config.head import HeadConfig
from a2k_nets.head.blinks import BlinkTimes
from a2k_nets.head.speech_features import SpeechFeatures

#: Numbers of a frame: yaw, pitch, roll, shift x, shift y, log scale, inner and outer brows, their asymmetry.
COMPONENTS = 9

#: The components share three gains: of rotation, of shift and scale, of the brows.
GROUPS = 3

#: Frames of the clips for which the unit is the typical deviation.
TYPICAL_FRAMES = 100

# Bounds of the mixture's means and of the logarithms of its deviations, in deviations of the autoregression's noise.
_LARGEST_MEAN, _LOG_STD = 4.0, (-4.0, 2.0)

# Share of the channels of speech that are dropped in training.
_DROPOUT = 0.1

# Factor that brings velocities to the size of positions.
_VELOCITY = 4.0

# Clips that move less or more than this count as this: natural logarithms.
_LOG_GAIN = 2.5


class Mixture(NamedTuple):
    """A mixture of M Gaussians with independent components.

    Attributes:
        log_weight: `(…, M)`, natural logarithms, whose exponentials sum to 1.
        mean: `(…, M, 9)`.
        log_std: `(…, M, 9)`, natural logarithms.
    """

    log_weight: Tensor
    mean: Tensor
    log_std: Tensor


class HeadNetwork(nn.Module):
    """Distribution of the next motion of head and brows, given the motion so far and speech.

    Motion over its unit and over the gains of a style is x, nine numbers a frame. It follows
    x_t = A1 x_{t-1} + A2 x_{t-2} + L e_t, which returns to zero; the innovation e_t is drawn from a mixture of
    Gaussians that a recurrent layer computes from speech, the past motion and the style. `HeadStream` draws from it.

    Args:
        config: Widths, number of components.
    """

    speech_mean: Tensor
    speech_std: Tensor
    unit: Tensor
    growth: Tensor
    coefficients: Tensor
    noise: Tensor
    calibration: Tensor
    pause_gain: Tensor
    guidance: Tensor
    styles: Tensor

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.config = config
        self.features = SpeechFeatures(config)
        self.blinks = BlinkTimes(config.blink_curves)
        width, hidden = config.width, config.hidden
        inputs = self.features.num_features
        self.ears = nn.Conv1d(inputs, width, 1)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, width, 3, dilation=dilation) for dilation in config.dilations
        )
        self.dropout = nn.Dropout1d(_DROPOUT)
        self.memory = nn.GRU(width + 2 * COMPONENTS + GROUPS, hidden, batch_first=True)
        self.skip = nn.Linear(width, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.mixture = nn.Linear(hidden, config.mixtures * (1 + 2 * COMPONENTS))
        self.register_buffer("speech_mean", torch.zeros(inputs))
        self.register_buffer("speech_std", torch.ones(inputs))
        # Typical deviation of each component in clips of 100 frames, and the power of a clip's length it grows with.
        self.register_buffer("unit", torch.ones(COMPONENTS))
        self.register_buffer("growth", torch.zeros(COMPONENTS))
        self.register_buffer("coefficients", torch.zeros(2, COMPONENTS, COMPONENTS))
        self.register_buffer("noise", torch.eye(COMPONENTS))
        self.register_buffer("calibration", torch.ones(COMPONENTS))
        # Size of the innovations of the head in pauses of speech.
        self.register_buffer("pause_gain", torch.ones(()))
        # How much more than without speech: of the mean, and of the spread (classifier-free guidance, Ho & Salimans).
        self.register_buffer("guidance", torch.tensor([1.5, 1.0]))
        # Logarithms of the three gains, as different as in takes of one person; all are as likely.
        self.register_buffer("styles", torch.zeros(config.styles, GROUPS))

    def normalize(self, features: Float[Tensor, "b t c"]) -> Float[Tensor, "b t c"]:
        """Return the output of `SpeechFeatures` with zero mean and unit variance, as the network takes it."""
        return (features.to(self.speech_mean) - self.speech_mean) / self.speech_std

    def hear(self, speech: Float[Tensor, "b t c"]) -> Float[Tensor, "b t w"]:
        """Return hidden speech, which depends on this frame's features and those of the last 14 frames."""
        x = self.dropout(self.ears(speech.mT))
        for layer in self.convolutions:
            assert isinstance(layer, nn.Conv1d)
            past = (layer.kernel_size[0] - 1) * layer.dilation[0]
            x = x + F.gelu(layer(F.pad(F.gelu(x), (past, 0))))
        heard: Tensor = x.mT
        return heard

    def forward(
        self,
        hidden: Float[Tensor, "b t w"],
        past: Float[Tensor, "b t 9"],
        before: Float[Tensor, "b t 9"],
        log_gains: Float[Tensor, "b 3"],
    ) -> Mixture:
        """Return the mixture of each frame's innovation.

        Args:
            hidden: Output of `hear`; zeros for no speech.
            past: Motion one frame before, x_{t-1}.
            before: Motion two frames before, x_{t-2}.
            log_gains: The style.
        """
        style = log_gains[:, None].expand(-1, hidden.shape[1], -1)
        state, _ = self.memory(torch.cat((hidden, past, _VELOCITY * (past - before), style), dim=-1))
        return self.split(self.mixture(self.norm(state + self.skip(hidden))))

    def split(self, output: Float[Tensor, "*b m"]) -> Mixture:
        """Return the mixture that the last layer's numbers stand for."""
        count = self.config.mixtures
        weight, mean, log_std = torch.split(output, [count, count * COMPONENTS, count * COMPONENTS], dim=-1)
        mean, log_std = (x.reshape(*x.shape[:-1], count, COMPONENTS) for x in (mean, log_std))
        mean = _LARGEST_MEAN * torch.tanh(mean / _LARGEST_MEAN)
        return Mixture(weight.log_softmax(dim=-1), mean, log_std.clamp(*_LOG_STD))

    def predict(self, past: Float[Tensor, "*b 9"], before: Float[Tensor, "*b 9"]) -> Float[Tensor, "*b 9"]:
        """Return what the autoregression expects after two frames: A1 x_{t-1} + A2 x_{t-2}."""
        return F.linear(past, self.coefficients[0]) + F.linear(before, self.coefficients[1])

    def log_gains(self, motion: Float[Tensor, "t 9"]) -> Float[Tensor, " 3"]:
        """Measure the style of real motion: how much more rotation, shift and brows move than is typical.

        Args:
            motion: At least two frames, in radians and eye distances.

        Returns:
            Natural logarithms; 0 is typical for a clip of this length.
        """
        std = motion.to(self.unit).std(dim=0).clamp(min=1e-4)
        length = math.log(min(len(motion), 3 * TYPICAL_FRAMES) / TYPICAL_FRAMES)
        ratio = (std / self.unit).log() - self.growth * length
        log_gains: Tensor = ratio.reshape(GROUPS, -1).mean(dim=-1).clamp(-_LOG_GAIN, _LOG_GAIN)
        return log_gains

    def scale(self, log_gains: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 9"]:
        """Return the size of one unit of x, in radians and eye distances."""
        return self.unit * log_gains.exp().repeat_interleave(COMPONENTS // GROUPS, dim=-1)
