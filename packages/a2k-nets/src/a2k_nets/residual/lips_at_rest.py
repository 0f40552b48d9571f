"""Lips at rest: what a face that was caught speaking or smiling looks like with its mouth closed."""

import torch
from jaxtyping import Float
from torch import Tensor

#: Gap between the inner lips at rest, in inter-ocular distances: a quarter of the training corpus' frames are below it.
REST_OPENING = 0.02

# Inner lip pairs, upper and lower, and how much of the middle pair's closing each outer or jaw point takes part in.
_UPPER, _LOWER = (61, 62, 63), (67, 66, 65)
_UPPER_SHARES = {49: 0.4, 50: 0.9, 51: 1.0, 52: 0.9, 53: 0.4}
_LOWER_SHARES = {59: 0.5, 58: 0.9, 57: 1.0, 56: 0.9, 55: 0.5}
_JAW_SHARES = {5: 0.2, 6: 0.4, 7: 0.5, 8: 0.5, 9: 0.5, 10: 0.4, 11: 0.2}

# A jaw closes from below; lips that smile open also come down a little.
_FROM_ABOVE = 0.25


def close_lips(face: Float[Tensor, "b k 2"], *, rest_opening: float = REST_OPENING) -> Float[Tensor, "b k 2"]:
    """Return iBUG-68 faces whose inner lips are no further apart than at rest.

    Args:
        face: Upright faces.
        rest_opening: Gap between the inner lips at rest, in the unit of the faces; narrower gaps are left as they are.

    Returns:
        New faces: the lower lip has come up with part of the jaw, the upper lip a little down.

    Example:
        >>> face = torch.zeros(1, 68, 2)
        >>> face[:, [65, 66, 67], 1] = 0.5
        >>> closed = close_lips(face, rest_opening=0.1)
        >>> (closed[:, 66] - closed[:, 62]).round(decimals=3)
        tensor([[0.0000, 0.1000]])
    """
    upper, lower = list(_UPPER), list(_LOWER)
    gap = face[:, lower] - face[:, upper]
    size = gap.norm(dim=-1, keepdim=True)
    excess = gap * (1 - rest_opening / size.clamp(min=1e-6)).clamp(min=0)
    middle = excess[:, 1]
    move = torch.zeros_like(face)
    move[:, upper] = _FROM_ABOVE * excess
    move[:, lower] = (_FROM_ABOVE - 1) * excess
    for shares, part in (
        (_UPPER_SHARES, _FROM_ABOVE),
        (_LOWER_SHARES, _FROM_ABOVE - 1),
        (_JAW_SHARES, _FROM_ABOVE - 1),
    ):
        weights = torch.tensor(list(shares.values())).to(face)
        move[:, list(shares)] = part * weights[:, None] * middle[:, None]
    return face + move
