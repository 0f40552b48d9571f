"""How eyes blink by themselves: at seeded moments, with the time course of real blinks."""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

#: Video frames from the beginning of a blink to its end.
BLINK_FRAMES = 9

# iBUG-68: upper lid points and the lower ones below them, and how much of the way the upper lid goes.
_UPPER, _LOWER = (37, 38, 43, 44), (41, 40, 47, 46)
_FROM_ABOVE = 0.85


class Blinks(nn.Module):
    """Blinks that begin at random, never one within another, and all take the same course.

    `fit` says how often they begin and what their course is; before it there are none.
    """

    curve: Tensor
    chance: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("curve", torch.zeros(BLINK_FRAMES))
        self.register_buffer("chance", torch.zeros(()))

    def fit(self, curve: Float[Tensor, " f"], *, per_frame: float) -> None:
        """Set the course of a blink, shares by which the lids are closed, and the blinks that there are per frame.

        Raises:
            ValueError: The course has another length, or there would be more blinks than there is time for.
        """
        # Out of `1 / per_frame` frames from one blink to the next, none begins while the first one lasts.
        waiting = 1 / per_frame - BLINK_FRAMES if per_frame > 0 else math.inf
        if curve.shape != self.curve.shape or waiting < 1:
            raise ValueError(
                f"expected {BLINK_FRAMES} values and less than a blink in {BLINK_FRAMES + 1} frames, got "
                f"{tuple(curve.shape)} and {per_frame} a frame"
            )
        self.curve.copy_(curve)
        self.chance.fill_(1 / waiting)

    def forward(
        self, noise: Float[Tensor, "b t"], *, age: Int64[Tensor, " b"] | None = None
    ) -> tuple[Float[Tensor, "b t"], Int64[Tensor, " b"]]:
        """Return by how much the lids are closed, 0 to 1, and how many frames ago each last blink began.

        Args:
            noise: Standard normal, one number a frame, which decides when a blink begins.
            age: What came out for the piece before; without it, no blink is under way.
        """
        batch, frames = noise.shape
        ages = [BLINK_FRAMES] * batch if age is None else age.tolist()
        closed = noise.new_zeros(batch, BLINK_FRAMES + frames + BLINK_FRAMES)
        bound = math.sqrt(2) * float(torch.erfinv(1 - 2 * self.chance.double().cpu()))
        for row, wanted in enumerate(noise > bound):
            begins = [BLINK_FRAMES - ages[row]]
            for moment in (wanted.nonzero().flatten() + BLINK_FRAMES).tolist():
                if moment >= begins[-1] + BLINK_FRAMES:
                    begins.append(moment)
            for begin in begins:
                if begin > 0:
                    closed[row, begin : begin + BLINK_FRAMES] = self.curve.to(closed)
            ages[row] = min(BLINK_FRAMES, BLINK_FRAMES + frames - begins[-1])
        return closed[:, BLINK_FRAMES : BLINK_FRAMES + frames], torch.tensor(ages)


def close_lids(face: Float[Tensor, "b t k 2"], closed: Float[Tensor, "b t"]) -> Float[Tensor, "b t k 2"]:
    """Return iBUG-68 faces whose lids are closed by a share of the gap that there is.

    Example:
        >>> face = torch.zeros(1, 1, 68, 2)
        >>> face[..., [41, 40, 47, 46], 1] = 1.0
        >>> closed = close_lids(face, torch.tensor([[1.0]]))
        >>> closed[0, 0, [37, 41], 1]
        tensor([0.8500, 0.8500])
    """
    upper, lower = list(_UPPER), list(_LOWER)
    moved = face.clone()
    way = (face[..., lower, :] - face[..., upper, :]) * closed[..., None, None]
    moved[..., upper, :] += _FROM_ABOVE * way
    moved[..., lower, :] -= (1 - _FROM_ABOVE) * way
    return moved
