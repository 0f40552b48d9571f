"""Blinks that come after waiting times and take courses as in real recordings."""

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

#: Frames of a blink; none starts during another.
BLINK_LENGTH = 16

#: Frames since a blink began after which the chance of the next one is constant.
LONGEST_WAIT = 256


class BlinkTimes(nn.Module):
    """Blinks at random times, whose chance depends on the time since the last one, each with a course out of a table.

    Before the tables are set there are none. Blinks do not follow the words: real ones hardly do.

    Args:
        curves: Rows of the table of courses.
    """

    curves: Tensor
    chance: Tensor

    def __init__(self, curves: int) -> None:
        super().__init__()
        # The share by which the lids are closed in each frame; the first and the last are 0.
        self.register_buffer("curves", torch.zeros(curves, BLINK_LENGTH))
        # The chance that a blink starts in a frame, by frames since the last one started; the last holds for more.
        self.register_buffer("chance", torch.zeros(LONGEST_WAIT + 1))

    def forward(
        self, noise: Float[Tensor, "b t"], *, age: Int64[Tensor, "b 2"] | None = None
    ) -> tuple[Float[Tensor, "b t"], Int64[Tensor, "b 2"]]:
        """Return the share by which the lids are closed, 0 to 1, and the state after these frames, on the CPU.

        Args:
            noise: Standard normal, one number per frame; large values start a blink, and choose its course.
            age: The second output for the previous frames: frames since each last blink started, and the row of its
                course. Without it, the last blink was long ago.
        """
        batch, frames = noise.shape
        states = [[LONGEST_WAIT, 0]] * batch if age is None else age.tolist()
        tail = torch.special.ndtr(-noise.cpu().double()).numpy()
        chance, curves = self.chance.double().cpu().numpy(), self.curves.float().cpu().numpy()
        closed = np.zeros((batch, BLINK_LENGTH + frames + BLINK_LENGTH), np.float32)
        started: list[list[tuple[int, int]]] = [[(-since, curve)] for since, curve in states]
        for row, frame in zip(*(found.tolist() for found in (tail < chance.max()).nonzero()), strict=True):
            since = min(frame - started[row][-1][0], LONGEST_WAIT)
            if since >= BLINK_LENGTH and tail[row, frame] < chance[since]:
                share = float(tail[row, frame] / chance[since])
                started[row].append((frame, min(int(share * len(curves)), len(curves) - 1)))
        for row, blinks in enumerate(started):
            for frame, curve in blinks:
                if frame > -BLINK_LENGTH:
                    closed[row, frame + BLINK_LENGTH : frame + 2 * BLINK_LENGTH] = curves[curve]
        last = [(min(frames - blinks[-1][0], LONGEST_WAIT), blinks[-1][1]) for blinks in started]
        return torch.from_numpy(closed[:, BLINK_LENGTH : BLINK_LENGTH + frames]).to(noise.dtype), torch.tensor(last)
