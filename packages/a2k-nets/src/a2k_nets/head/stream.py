"""Motion of head and brows for sound that arrives in pieces."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.head.network import HeadNetwork
from a2k_nets.head.speech_features import SAMPLES_PER_FRAME, WINDOW
from a2k_nets.head.steps import HeadSteps


class HeadStream:
    """The head of a batch of streams between two pieces of sound; its memory does not grow.

    Args:
        network: The network; later changes of its weights are not seen.
        batch: Number of streams.
        log_gains: How much more rotation, shift and brows move than is typical, natural logarithms `(3,)`, as
            `HeadNetwork.log_gains` measures them; by default each stream draws those of a training speaker.

    Example:
        >>> from a2k_nets.config import HeadConfig
        >>> stream = HeadStream(HeadNetwork(HeadConfig()), 1)
        >>> stream.push(torch.zeros(1, 1_776))
        >>> stream.num_ready, stream.take(2, torch.zeros(1, 2, 10)).shape
        (2, torch.Size([1, 2, 9]))
    """

    def __init__(self, network: HeadNetwork, batch: int, *, log_gains: Float[Tensor, " 3"] | None = None) -> None:
        self._steps = HeadSteps(network, batch)
        for row in range(batch):
            self._steps.clear(row, log_gains)
        # Samples from the first Fourier window of the next frame on; those before it are dropped.
        self._skip = network.features.offset
        self._sound = torch.zeros(batch, 0)
        self._samples, self._ended = 0, False

    @property
    def num_ready(self) -> int:
        """Frames that `take` can return; any number at the end of the sound."""
        return max(0, (self._sound.shape[1] - WINDOW) // SAMPLES_PER_FRAME + 1)

    def push(self, waveform: Float[Tensor, "b s"], *, end: bool = False) -> None:
        """Add sound in [-1, 1] at 16 kHz; with `end`, silence follows, also in the place of less than half a frame."""
        self._samples += waveform.shape[1]
        over = self._samples - SAMPLES_PER_FRAME * max(1, round(self._samples / SAMPLES_PER_FRAME)) if end else 0
        waveform = waveform.detach().cpu()
        skipped = min(self._skip, waveform.shape[1])
        self._skip -= skipped
        self._sound = torch.cat((self._sound, waveform[:, skipped:].to(self._sound)), dim=1)
        self._sound = self._sound[:, : max(0, self._sound.shape[1] - max(0, over))]
        self._ended = self._ended or end

    def take(self, frames: int, noise: Float[Tensor, "b t 10"]) -> Float[Tensor, "b t 9"]:
        """Return the motion of the next frames, on the CPU: zero in the first one.

        Its numbers are yaw, pitch, roll (radians, with the signs of `kp_io.HeadPose`), shift x and y (distances of the
        outer eye corners, y down), log scale, inner and outer height of the brows and the asymmetry of the inner ones
        (eye distances, up is positive), all relative to the reference.

        Args:
            frames: T; at most `num_ready` before the end of the sound.
            noise: Standard normal, on the CPU: nine numbers for the motion, and one that chooses a component.

        Raises:
            ValueError: The sound for these frames has not come.
        """
        length = (frames - 1) * SAMPLES_PER_FRAME + WINDOW
        missing = length - self._sound.shape[1]
        if missing > 0 and not self._ended:
            raise ValueError(f"expected at most {self.num_ready} frames for the sound so far, got {frames}")
        samples = F.pad(self._sound, (0, max(0, missing)))[:, :length]
        # A copy, because a view would keep the whole sound in memory.
        self._sound = self._sound[:, frames * SAMPLES_PER_FRAME :].clone()
        return self._steps.advance(samples, noise)
