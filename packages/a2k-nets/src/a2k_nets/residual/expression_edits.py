"""Edits of generated expressions: fade-in from the reference, a neutral mouth, and blinks."""

import math
from functools import lru_cache

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from a2k_nets.blocks.constants import constant, select_points

#: Gap between the inner lips at rest, in inter-ocular distances: a quarter of the training corpus' frames are below it.
REST_OPENING = 0.02

#: Video frames of a blink.
BLINK_FRAMES = 9

# iBUG-68: inner lip pairs, upper and lower, and the share of the middle pair's closing that outer lip and jaw points
# move by.
_UPPER_LIP, _LOWER_LIP = (61, 62, 63), (67, 66, 65)
_UPPER_SHARES = {49: 0.4, 50: 0.9, 51: 1.0, 52: 0.9, 53: 0.4}
_LOWER_SHARES = {59: 0.5, 58: 0.9, 57: 1.0, 56: 0.9, 55: 0.5}
_JAW_SHARES = {5: 0.2, 6: 0.4, 7: 0.5, 8: 0.5, 9: 0.5, 10: 0.4, 11: 0.2}

# Mouths close mostly from below; the upper lip of an open smile also comes down a little.
_UPPER_LIP_SHARE = 0.25

# iBUG-68: upper lid points and the lower ones below them, and the share of the gap that the upper lid closes.
_UPPER_LID, _LOWER_LID = (37, 38, 43, 44), (41, 40, 47, 46)
_UPPER_LID_SHARE = 0.85


def fade_in(start: int, stop: int | torch.SymInt, *, frames: int) -> Float[Tensor, " t"]:
    """Return the gains of frames `start` to `stop`, which rise smoothly from 0 to 1 over the first `frames`.

    A sequence thus begins with its reference (paper, section 4.1). With 0 frames all gains are 1.

    Example:
        >>> fade_in(0, 4, frames=2)
        tensor([0.0000, 0.5000, 1.0000, 1.0000])
    """
    time = torch.arange(start, stop)  # type: ignore[arg-type]  # torch's stubs lack symbols
    rise = (time / max(1, frames)).clamp(max=1)
    return rise * rise * (3 - 2 * rise) if frames else torch.ones_like(rise)


def inner_lip_gaps(face: Float[Tensor, "b k d"]) -> Float[Tensor, "b p d"]:
    """Return the three vectors from the upper to the lower inner lip of iBUG-68 faces, the middle one second."""
    return select_points(face, _LOWER_LIP) - select_points(face, _UPPER_LIP)


def neutral_mouth(face: Float[Tensor, "b k 2"], *, rest_opening: float = REST_OPENING) -> Float[Tensor, "b k 2"]:
    """Return iBUG-68 faces whose inner lips are no further apart than at rest.

    Args:
        face: Upright faces.
        rest_opening: Gap between the inner lips at rest, in the unit of the faces; smaller gaps are kept.

    Returns:
        New faces: the lower lip is moved up with part of the jaw, the upper lip a little down.

    Example:
        >>> face = torch.zeros(1, 68, 2)
        >>> face[:, [65, 66, 67], 1] = 0.5
        >>> closed = neutral_mouth(face, rest_opening=0.1)
        >>> (closed[:, 66] - closed[:, 62]).round(decimals=3)
        tensor([[0.0000, 0.1000]])
    """
    gap = inner_lip_gaps(face)
    size = gap.norm(dim=-1, keepdim=True)
    excess = gap * (1 - rest_opening / size.clamp(min=1e-6)).clamp(min=0)
    middle = excess[:, 1]
    move = torch.zeros_like(face)
    move[:, _index(_UPPER_LIP, face)] = _UPPER_LIP_SHARE * excess
    move[:, _index(_LOWER_LIP, face)] = (_UPPER_LIP_SHARE - 1) * excess
    for shares, part in (
        (_UPPER_SHARES, _UPPER_LIP_SHARE),
        (_LOWER_SHARES, _UPPER_LIP_SHARE - 1),
        (_JAW_SHARES, _UPPER_LIP_SHARE - 1),
    ):
        weights = constant(tuple(shares.values()), face.dtype, face.device)
        move[:, _index(tuple(shares), face)] = part * weights[:, None] * middle[:, None]
    return face + move


def _index(points: tuple[int, ...], face: Tensor) -> Int64[Tensor, " p"]:
    return constant(points, torch.int64, face.device)


class Blinks(nn.Module):
    """Blinks that start at random, never overlap, and all have the same curve.

    `fit` sets their rate and curve; before it there are none.
    """

    curve: Tensor
    chance: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("curve", torch.zeros(BLINK_FRAMES))
        self.register_buffer("chance", torch.zeros(()))

    def fit(self, curve: Float[Tensor, " f"], *, per_frame: float) -> None:
        """Set the curve, i.e. the share by which the lids are closed in each frame, and the blinks per frame.

        Raises:
            ValueError: The curve has another length, or the rate leaves no time between blinks.
        """
        # A blink starts every `1 / per_frame` frames, and none starts during another.
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
        """Return the share by which the lids are closed, 0 to 1, and the frames since each last blink started.

        Args:
            noise: Standard normal, one number per frame; large values start a blink.
            age: The second output for the previous chunk; without it, no blink is under way.
        """
        batch, frames = noise.shape
        ages = [BLINK_FRAMES] * batch if age is None else age.tolist()
        closed = noise.new_zeros(batch, BLINK_FRAMES + frames + BLINK_FRAMES)
        triggered: list[list[int]] = [[] for _ in ages]
        for row, frame in (noise > self.threshold).nonzero().tolist():
            triggered[row].append(frame + BLINK_FRAMES)
        for row, candidates in enumerate(triggered):
            starts = [BLINK_FRAMES - ages[row]]
            for frame in candidates:
                if frame >= starts[-1] + BLINK_FRAMES:
                    starts.append(frame)
            for start in starts:
                if start > 0:
                    closed[row, start : start + BLINK_FRAMES] = self.curve.to(closed)
            ages[row] = min(BLINK_FRAMES, BLINK_FRAMES + frames - starts[-1])
        return closed[:, BLINK_FRAMES : BLINK_FRAMES + frames], torch.tensor(ages)

    @property
    def threshold(self) -> float:
        """The number that standard normal noise exceeds with the chance of a blink."""
        chance = float(self.chance)
        return _exceeded_with(chance) if chance > 0 else math.inf


@lru_cache(maxsize=16)
def _exceeded_with(chance: float) -> float:
    return math.sqrt(2) * float(torch.erfinv(torch.tensor(1 - 2 * chance, dtype=torch.float64)))


def close_lids(face: Float[Tensor, "b t k 2"], closed: Float[Tensor, "b t"]) -> Float[Tensor, "b t k 2"]:
    """Return iBUG-68 faces whose lids are closed by a share of their gap.

    Example:
        >>> face = torch.zeros(1, 1, 68, 2)
        >>> face[..., [41, 40, 47, 46], 1] = 1.0
        >>> closed = close_lids(face, torch.tensor([[1.0]]))
        >>> closed[0, 0, [37, 41], 1]
        tensor([0.8500, 0.8500])
    """
    lids = select_points(face, _UPPER_LID + _LOWER_LID)
    upper, lower = lids[..., : len(_UPPER_LID), :], lids[..., len(_UPPER_LID) :, :]
    gap = (lower - upper) * closed[..., None, None]
    moved = face.clone()
    moved[..., _index(_UPPER_LID + _LOWER_LID, face), :] = torch.cat(
        (upper + _UPPER_LID_SHARE * gap, lower - (1 - _UPPER_LID_SHARE) * gap), dim=-2
    )
    return moved
