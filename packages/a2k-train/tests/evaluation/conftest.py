"""Models that are made to be as the paper says its variants are."""

import pytest
import torch
from torch import Tensor

from a2k_nets.config.residual import ModelConfig

LOWER_LIPS = [56, 57, 58, 65, 66, 67]


class Listener:
    """Stands in for a model of any preset: it opens the mouth with the loudness that it hears.

    `gain` scales the opening, `person` blends the reference (1) with a generic face (0), `drift_px` lowers the jaw over
    the clip.
    """

    def __init__(self, generic: Tensor, *, gain: float = 40.0, person: float = 1.0, drift_px: float = 0.0) -> None:
        self.config = ModelConfig(width=8, dilations=(1,))
        self.generic, self.gain, self.person, self.drift_px = generic, gain, person, drift_px

    def eval(self) -> "Listener":
        return self

    def __call__(self, waveform: Tensor, reference: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        loudness = waveform.unflatten(1, (-1, 640)).square().mean(dim=2).sqrt()
        frames = loudness.shape[1]
        face = self.person * reference + (1 - self.person) * (self.generic + reference[0, 27])
        keypoints = face[:, None].repeat(1, frames, 1, 1)
        keypoints[:, :, LOWER_LIPS, 1] += self.gain * (loudness - loudness[:, :1])[..., None]
        keypoints[:, :, :17, 1] += self.drift_px * torch.linspace(0, 1, frames)[:, None]
        return keypoints


@pytest.fixture(scope="session")
def variants(clips) -> dict[str, Listener]:
    """One model for each variant of the paper's Table 1."""
    generic = 1.3 * (clips[0].keypoints[0] - clips[0].keypoints[0, 27])
    generic[:17, 1] += 15.0
    return {
        "audio_only": Listener(generic, person=0.0),
        "no_piv": Listener(generic, person=0.7, drift_px=5.0),
        "no_discriminator": Listener(generic, gain=8.0),
        "final": Listener(generic),
    }
