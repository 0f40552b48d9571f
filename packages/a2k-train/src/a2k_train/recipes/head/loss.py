"""Loss of the network of the head: the likelihood of real motion, given the motion before and speech."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.head import HeadNetwork
from a2k_train.statistics.head.labels import MIRRORED

# Innovations beyond this many deviations are errors of the detector.
_LARGEST = 6.0

# Noise on the features of speech, in deviations.
_SPEECH_NOISE = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class HeadBatch:
    """Windows of clips.

    Attributes:
        speech: `(B, T, C)` normalised features.
        motion: `(B, T, 9)` over unit and style.
        log_gains: `(B, 3)` styles.
        valid: `(B, T)`, 0 for frames that were not measured or are after the end of a clip.
        mirrored: `(B,)`, 1 for windows to mirror.
    """

    speech: Float[Tensor, "b t c"]
    motion: Float[Tensor, "b t 9"]
    log_gains: Float[Tensor, "b 3"]
    valid: Float[Tensor, "b t"]
    mirrored: Float[Tensor, " b"]


def head_loss(
    network: HeadNetwork, batch: HeadBatch, *, noise: float, dropped: float, generator: torch.Generator
) -> Float[Tensor, ""]:
    """Return the negative log-likelihood of the next frame's motion, mean over valid frames.

    The network sees a past with errors, as its own will be, and learns what leads from there to the real next frame.

    Args:
        network: In training mode.
        batch: The windows.
        noise: Mean deviation of the errors of the past, in units of x; each window has another, up to twice as much.
        dropped: Share of windows without speech, with which the network learns motion without speech, for guidance.
        generator: Source of the errors.
    """

    def normal(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=generator)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    count = len(batch.motion)
    factors = 1 + batch.mirrored[:, None, None] * (torch.tensor(MIRRORED) - 1)
    motion = batch.motion * factors
    heard = network.hear(batch.speech + _SPEECH_NOISE * normal(batch.speech))
    heard = heard * (uniform(count, 1, 1) >= dropped)
    seen = motion + 2 * noise * uniform(count, 1, 1) * normal(motion)
    past, before = seen[:, 1:-1], seen[:, :-2]
    rest = motion[:, 2:] - network.predict(past, before)
    inverse = torch.linalg.inv(network.noise)
    innovation = (rest @ inverse.T).clamp(-_LARGEST, _LARGEST)
    mixture = network(heard[:, 2:], past, before, batch.log_gains)
    distance = (innovation[..., None, :] - mixture.mean) * (-mixture.log_std).exp()
    per_component = mixture.log_weight - (0.5 * distance.square() + mixture.log_std).sum(dim=-1)
    valid = batch.valid[:, 2:] * batch.valid[:, :-2]
    loss: Tensor = -(per_component.logsumexp(dim=-1) * valid).sum() / valid.sum().clamp(min=1)
    return loss
