"""Mean temporal misalignment (MTM): how early or late the mouth moves."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kp_metrics.functional.face.mouth import opening_pair
from kp_metrics.primitives.checks import check_positive
from kp_metrics.primitives.ibug68 import EYE_CORNERS, INNER_LIP_CENTRES
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.time_series import CONSTANT_STD, local_extrema, masked_std, smooth
from kp_metrics.primitives.types import Keypoints, Mask, Values


def mtm(
    preds: Keypoints,
    target: Keypoints,
    *,
    fps: float = 25.0,
    smoothing: float = 2.0,
    lips: Sequence[int] = INNER_LIP_CENTRES,
    eyes: Sequence[int] = EYE_CORNERS,
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return the mean temporal misalignment: the timing error of matched extrema of the mouth opening, in milliseconds.

    The openings are smoothed by a Gaussian and aligned by dynamic time warping of their first differences. The time
    between a true and a predicted extremum counts where the path pairs them, they are of the same kind, and the
    predicted one lies between the neighbours of the true one (arXiv 2503.20308).

    Args:
        preds: `(..., T, K, D)`, as `target`. Shared arguments are described in `kp_metrics.functional`.
        smoothing: Standard deviation of the Gaussian, frames.
        mask: `(..., T, K)`, True where a point is valid; frames without the four points are skipped.
        reduction: Reduces one value per sequence.

    Returns:
        Milliseconds, from 0 up; lower is better. NaN for a sequence without a matched extremum, such as one whose
        predicted mouth does not move; the mean leaves it out.

    Example:
        >>> time = torch.arange(50.0)
        >>> face = torch.zeros(50, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> late = face.clone()
        >>> face[:, 66, 1] = 10 + 10 * torch.sin(time / 4)
        >>> late[:, 66, 1] = 10 + 10 * torch.sin((time - 1) / 4)
        >>> mtm(late, face, fps=25.0)
        tensor(40.)
    """
    predicted, true, valid = opening_pair(preds, target, mask, lips, eyes)
    check_positive(fps=fps, smoothing=smoothing)
    moving = (masked_std(predicted, valid) > CONSTANT_STD) & (masked_std(true, valid) > CONSTANT_STD)
    has_nan = ((predicted + true).isnan() & valid).any(-1)

    # Valid frames move to the front, so that gaps and padding shorten a sequence instead of bending the path.
    order = (~valid).to(torch.uint8).argsort(dim=-1, stable=True)
    usable = torch.gather(valid, -1, order)
    series = [torch.gather(values, -1, order).masked_fill(~usable, 0) for values in (true, predicted)]
    smoothed = [smooth(values.nan_to_num(), usable, smoothing) for values in series]
    kinds = [local_extrema(values, usable) for values in smoothed]
    total, count = match_extrema(smoothed, kinds, order, valid.sum(-1))
    values = total / count.clamp(min=1) * (1000 / fps)
    defined = (count > 0) & moving
    return reduce_values(values.masked_fill(has_nan, torch.nan), defined | has_nan, reduction, item_dims=0)


def match_extrema(series: list[Tensor], kinds: list[Tensor], frames: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """Follow the warping paths and add up the frames between matched extrema.

    Args:
        series: True and predicted series `(..., T)`, of which the first `length` frames count.
        kinds: Their local extrema, see `local_extrema`.
        frames: `(..., T)`: index of each entry's video frame.
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
        # Costs are padded: entry (i, j) of the matrix is at (i + 1, j + 1).
        moves = torch.stack([path_cost[rows, i, j], path_cost[rows, i, j + 1], path_cost[rows, i + 1, j]])
        move = moves.argmin(0)
        alive = alive & ((i > 0) | (j > 0))
        i = (i - (move != 2).to(i.dtype)).clamp(min=0)
        j = (j - (move != 1).to(j.dtype)).clamp(min=0)
    return total.reshape(shape), count.reshape(shape)


def _accumulate(cost: Tensor) -> Tensor:
    """Return the cheapest path's cost to each cell, `(N, T + 1, T + 1)`, one antidiagonal at a time."""
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
    """Return the nearest extremum before and after each frame, or the end of the series if there is none."""
    steps = kinds.shape[-1]
    index = torch.arange(steps, device=kinds.device).expand(kinds.shape)
    found = kinds != 0
    last = (length - 1).clamp(min=0).unsqueeze(-1)
    before = index.where(found, torch.zeros_like(index)).cummax(-1).values
    after = index.where(found, last.expand_as(index)).flip(-1).cummin(-1).values.flip(-1)
    left = torch.cat([torch.zeros_like(before[:, :1]), before[:, :-1]], -1)
    right = torch.cat([after[:, 1:], last], -1)
    return left, right
