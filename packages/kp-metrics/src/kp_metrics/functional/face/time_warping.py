"""Derivative dynamic time warping of many short series at once."""

import math

import torch
from torch import Tensor
from torch.nn.functional import conv1d


def smooth(series: Tensor, valid: Tensor, sigma: float) -> Tensor:
    """Return the series under a Gaussian that is renormalised over the valid frames, `(..., T)`."""
    radius = math.ceil(4 * sigma)
    offsets = torch.arange(-radius, radius + 1, dtype=series.dtype, device=series.device)
    kernel = torch.exp(-0.5 * (offsets / sigma).square())[None, None]
    weight = valid.to(series.dtype)
    flat = torch.stack([series * weight, weight]).reshape(-1, 1, series.shape[-1])
    total, norm = conv1d(flat, kernel, padding=radius).reshape(2, *series.shape)
    smoothed: Tensor = total / norm.clamp(min=1e-9)
    return smoothed


def local_extrema(series: Tensor, valid: Tensor) -> Tensor:
    """Return 1 at local maxima, -1 at local minima, 0 elsewhere, `(..., T)`.

    Of a flat top or bottom its first frame counts; the first and last valid frames are neither.
    """
    kinds = torch.zeros_like(series, dtype=torch.int8)
    both = valid[..., 1:] & valid[..., :-1]
    rise = torch.diff(series).sign().to(torch.int8) * both
    if rise.shape[-1] < 2:
        return kinds
    # The next step that is not flat: its index by a running minimum from the right.
    last = rise.shape[-1] - 1
    index = torch.arange(last + 1, device=rise.device).expand(rise.shape)
    ahead = index.where(rise != 0, torch.full_like(index, last)).flip(-1).cummin(-1).values.flip(-1)
    after = rise.gather(-1, ahead)[..., 1:]
    before = rise[..., :-1]
    kinds[..., 1:-1] = torch.where(before * after < 0, before, torch.zeros_like(before))
    return kinds


def match_extrema(series: list[Tensor], kinds: list[Tensor], frames: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """Walk the warping paths and add up the frames between matched extrema.

    Args:
        series: True and predicted series `(..., T)`, of which the first `length` frames count.
        kinds: Their local extrema, see `local_extrema`.
        frames: `(..., T)`: which frame of the video each entry is.
        length: `(...)`: number of valid frames.

    Returns:
        The sum of |frame of the true − frame of the predicted extremum|, and the number of matches, each `(...)`.
    """
    shape, steps = length.shape, series[0].shape[-1]
    true, predicted = (values.reshape(-1, steps) for values in series)
    true_kind, predicted_kind = (kind.reshape(-1, steps) for kind in kinds)
    frames, length = frames.reshape(-1, steps), length.reshape(-1)
    slopes = [torch.diff(values, prepend=values[:, :1]) for values in (true, predicted)]
    path_cost = _accumulate((slopes[0].unsqueeze(-1) - slopes[1].unsqueeze(-2)).abs())
    left, right = _neighbours(true_kind, length)

    rows = torch.arange(length.shape[0], device=length.device)
    i, j = (length - 1).clamp(min=0), (length - 1).clamp(min=0)
    alive = length > 0
    total, count = torch.zeros_like(true[:, 0]), torch.zeros_like(length)
    for _ in range(2 * steps - 1):
        kind = true_kind[rows, i]
        match = alive & (kind != 0) & (kind == predicted_kind[rows, j]) & (left[rows, i] <= j) & (j <= right[rows, i])
        total = total + match * (frames[rows, i] - frames[rows, j]).abs()
        count = count + match
        # Padded costs: entry (i, j) of the matrix stands at (i + 1, j + 1).
        moves = torch.stack([path_cost[rows, i, j], path_cost[rows, i, j + 1], path_cost[rows, i + 1, j]])
        move = moves.argmin(0)
        alive = alive & ((i > 0) | (j > 0))
        i = (i - (move != 2).to(i.dtype)).clamp(min=0)
        j = (j - (move != 1).to(j.dtype)).clamp(min=0)
    return total.reshape(shape), count.reshape(shape)


def _accumulate(cost: Tensor) -> Tensor:
    """Return the cheapest path's cost to each cell, `(N, T + 1, T + 1)`, an antidiagonal at a time."""
    count, steps, _ = cost.shape
    total = cost.new_full((count, steps + 1, steps + 1), torch.inf)
    total[:, 0, 0] = 0
    for diagonal in range(2 * steps - 1):
        i = torch.arange(max(0, diagonal - steps + 1), min(diagonal, steps - 1) + 1, device=cost.device)
        j = diagonal - i
        before = torch.minimum(torch.minimum(total[:, i, j + 1], total[:, i + 1, j]), total[:, i, j])
        total[:, i + 1, j + 1] = cost[:, i, j] + before
    return total


def _neighbours(kinds: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """Return the nearest extremum before and after each frame; the ends of the series where there is none."""
    steps = kinds.shape[-1]
    index = torch.arange(steps, device=kinds.device).expand(kinds.shape)
    found = kinds != 0
    last = (length - 1).clamp(min=0).unsqueeze(-1)
    before = index.where(found, torch.zeros_like(index)).cummax(-1).values
    after = index.where(found, last.expand_as(index)).flip(-1).cummin(-1).values.flip(-1)
    left = torch.cat([torch.zeros_like(before[:, :1]), before[:, :-1]], -1)
    right = torch.cat([after[:, 1:], last], -1)
    return left, right
