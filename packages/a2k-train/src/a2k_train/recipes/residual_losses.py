"""Losses of the `residual` preset, as pure functions of normalized motion."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that everybody uses

from a2k_nets.blocks import select_points

# Pairs of lip points whose distances describe the mouth: three inner gaps, outer height, width.
_UPPER, _LOWER = (61, 62, 63, 51, 48), (67, 66, 65, 57, 54)

#: Indices of the mouth opening, 62 to 66, and the mouth width in `lip_distances`.
OPENING, WIDTH = 1, 4


def masked_l1(
    preds: Float[Tensor, "b t *c"],
    target: Float[Tensor, "b t *c"],
    mask: Bool[Tensor, "b t"],
    *,
    weight: Tensor | float,
    count: Tensor | None = None,
) -> Float[Tensor, ""]:
    """Return the mean absolute error over valid frames, channels weighted by `weight`.

    `count` is the number of valid frames to divide by: this batch's by default, or the mean over processes.

    Example:
        >>> masked_l1(torch.zeros(1, 2, 3), torch.ones(1, 2, 3), torch.tensor([[True, False]]), weight=2.0)
        tensor(2.)
    """
    error = ((preds - target).abs() * weight).reshape(*mask.shape, -1).mean(dim=-1)
    return (error * mask).sum() / (mask.sum() if count is None else count).clamp(min=1)


def velocity_loss(
    preds: Float[Tensor, "b t *c"],
    target: Float[Tensor, "b t *c"],
    mask: Bool[Tensor, "b t"],
    *,
    weight: Tensor | float,
    count: Tensor | None = None,
) -> Float[Tensor, ""]:
    """Return the masked L1 of first differences; `count` is the number of valid ones, as in `masked_l1`."""
    valid = valid_differences(mask)
    return masked_l1(preds[:, 1:] - preds[:, :-1], target[:, 1:] - target[:, :-1], valid, weight=weight, count=count)


def valid_differences(mask: Bool[Tensor, "b t"]) -> Bool[Tensor, "b u"]:
    """Return which first differences are valid: those whose frames both are."""
    return mask[:, 1:] & mask[:, :-1]


def lip_distances(face: Float[Tensor, "b t k 2"]) -> Float[Tensor, "b t p"]:
    """Return five lip distances of a face, in the face's unit: three inner gaps, outer height, width."""
    # The small constant keeps the gradient of a closed mouth finite.
    return ((select_points(face, _UPPER) - select_points(face, _LOWER)).square().sum(dim=-1) + 1e-6).sqrt()


def correlation_loss(
    preds: Float[Tensor, "b t"], target: Float[Tensor, "b t"], mask: Bool[Tensor, "b t"], *, floor: float
) -> Float[Tensor, ""]:
    """Return one minus the concordance of two series in each window, averaged over windows.

    Concordance (Lin, 1989), 2·cov / (var + var + (mean - mean)²), rewards correlation and also the right amplitude and
    level.
    `floor` is added to numerator and denominator, so that windows without motion contribute little.
    """
    valid = mask.to(preds.dtype)
    count = valid.sum(dim=1, keepdim=True).clamp(min=1)
    preds_mean = (preds * valid).sum(dim=1, keepdim=True) / count
    target_mean = (target * valid).sum(dim=1, keepdim=True) / count
    p, t = (preds - preds_mean) * valid, (target - target_mean) * valid
    covariance = (p * t).sum(dim=1) / count[:, 0]
    spread = (p.square() + t.square()).sum(dim=1) / count[:, 0] + (preds_mean - target_mean)[:, 0].square()
    return (1 - (2 * covariance + floor) / (spread + floor)).mean()


def closure_loss(
    preds: Float[Tensor, "b t"],
    target: Float[Tensor, "b t"],
    mask: Bool[Tensor, "b t"],
    *,
    share: float = 0.1,
    tolerance: int = 1,
    floor: float = 0.02,
    average: Callable[[Tensor], Tensor] = lambda counts: counts,
) -> Float[Tensor, ""]:
    """Return the cross-entropy of closed against open lips, with equal weight of both classes.

    Lips are closed if their opening is below the window's minimum plus a share of its range, as in
    `kp_metrics.closure_f1`. Under L1 alone an uncertain closure is predicted half open; this loss forces a decision.

    Args:
        preds: Predicted openings, in inter-ocular distances.
        target: True openings.
        mask: Valid frames.
        share: Share of the range below which lips are closed.
        tolerance: Frames around a closed frame that are ignored.
        floor: Smallest range that counts as motion; anything below is noise.
        average: Returns the means over processes of the two classes' numbers of frames, by which the sums are divided.
    """
    low = target.masked_fill(~mask, torch.inf).amin(dim=1, keepdim=True)
    high = target.masked_fill(~mask, -torch.inf).amax(dim=1, keepdim=True)
    spread = high - low
    moving = mask & (spread > floor)
    low, spread = low.masked_fill(~mask.any(dim=1, keepdim=True), 0.0), spread.masked_fill(spread <= floor, 1.0)
    bound = low + share * spread
    closed = (target < bound) & moving
    near = F.max_pool1d(closed[:, None].float(), 2 * tolerance + 1, stride=1, padding=tolerance)[:, 0] > 0
    error = F.softplus((preds - bound) / (share * spread) * (2.0 * closed - 1))
    shut, open_ = closed, moving & ~near
    num_shut, num_open = average(torch.stack((shut.sum(), open_.sum()))).clamp(min=1)
    loss: Tensor = (error * shut).sum() / num_shut + (error * open_).sum() / num_open
    return loss / 2
