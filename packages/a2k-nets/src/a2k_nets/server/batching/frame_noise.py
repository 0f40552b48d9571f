"""The seeded noise of head motion and blinks of one stream."""

import torch
from jaxtyping import Float
from torch import Tensor

#: Frames that are drawn at once.
_BLOCK = 64


class FrameNoise:
    """Standard normal numbers, which equal those that `MotionStream` draws with the same seed.

    Args:
        seed: The stream's seed.
        size: Numbers of a frame.
    """

    def __init__(self, seed: int, size: int = 5) -> None:
        self._random = torch.Generator().manual_seed(seed)
        self._pending, self._taken = torch.zeros(0, size), 0

    def take(self, num_frames: int) -> Float[Tensor, "t n"]:
        """Return the numbers of the next frames: those for the head, and one for blinks."""
        while len(self._pending) - self._taken < num_frames:
            # Not contiguous, so that the numbers do not depend on how many are drawn at once.
            drawn = torch.empty(_BLOCK, 1, self._pending.shape[1], 2)[:, 0, :, 0].normal_(generator=self._random)
            self._pending, self._taken = torch.cat((self._pending[self._taken :], drawn)), 0
        self._taken += num_frames
        return self._pending[self._taken - num_frames : self._taken]
