"""Statistics, smoothing and extrema of masked series `(..., T)`, one value per frame."""

import math

import torch
from torch import Tensor
from torch.nn.functional import conv1d

#: A series whose standard deviation is below this is constant: rounding of float32 pixels reaches 1e-6 eye distances.
CONSTANT_STD = 1e-5


def masked_mean(series: Tensor, valid: Tensor) -> Tensor:
    """Return the mean over the valid frames, `(...)`; NaN without any."""
    count = valid.sum(-1)
    mean = series.masked_fill(~valid, 0).sum(-1) / count.clamp(min=1)
    return mean.masked_fill(count == 0, torch.nan)


def masked_std(series: Tensor, valid: Tensor) -> Tensor:
    """Return the population standard deviation over the valid frames, `(...)`; NaN with fewer than two."""
    deviation = series - masked_mean(series, valid).unsqueeze(-1)
    variance = masked_mean(deviation.square(), valid)
    return variance.sqrt().masked_fill(valid.sum(-1) < 2, torch.nan)


def std_ratio(predicted: Tensor, true: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Return std(predicted) / std(true) over the valid frames, and whether the true series moves, each `(...)`."""
    true_std = masked_std(true, valid)
    moving = (valid.sum(-1) >= 2) & ~(true_std <= CONSTANT_STD)
    return masked_std(predicted, valid) / true_std.masked_fill(~moving, 1), moving


def pearson(first: Tensor, second: Tensor, valid: Tensor, *, constant_std: float = CONSTANT_STD) -> Tensor:
    """Return Pearson's r over the valid frames, `(...)`; 0 if a series is constant, NaN with fewer than two frames."""
    a = first - masked_mean(first, valid).unsqueeze(-1)
    b = second - masked_mean(second, valid).unsqueeze(-1)
    std_a, std_b = masked_mean(a.square(), valid).sqrt(), masked_mean(b.square(), valid).sqrt()
    product = std_a * std_b
    constant = (std_a <= constant_std) | (std_b <= constant_std)
    r = masked_mean(a * b, valid) / product.masked_fill(constant, 1)
    # Rounding may carry a perfect correlation past 1.
    r = r.clamp(-1, 1).masked_fill(constant, 0)
    return r.masked_fill(valid.sum(-1) < 2, torch.nan)


def unpadded_frames(valid: Tensor, mask: Tensor | None) -> Tensor:
    """Return the frames `(..., T)` that are not padding: those with at least one valid point."""
    return torch.ones_like(valid) if mask is None else mask.any(-1)


def smooth(series: Tensor, valid: Tensor, sigma: float) -> Tensor:
    """Return the series smoothed by a Gaussian that is renormalized over the valid frames, `(..., T)`."""
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

    A flat top or bottom counts at its first frame; the first and last valid frames are neither.
    """
    kinds = torch.zeros_like(series, dtype=torch.int8)
    both = valid[..., 1:] & valid[..., :-1]
    rise = torch.diff(series).sign().to(torch.int8) * both
    if rise.shape[-1] < 2:
        return kinds
    # The next step that is not flat: its index by a running minimum from the right.
    last = rise.shape[-1] - 1
    index = torch.arange(last + 1, device=rise.device).expand(rise.shape)
    next_step = index.where(rise != 0, torch.full_like(index, last)).flip(-1).cummin(-1).values.flip(-1)
    after = rise.gather(-1, next_step)[..., 1:]
    before = rise[..., :-1]
    kinds[..., 1:-1] = torch.where(before * after < 0, before, torch.zeros_like(before))
    return kinds
