"""Statistics of a masked series `(..., T)`: one value a frame."""

import torch
from torch import Tensor

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


def pearson(first: Tensor, second: Tensor, valid: Tensor, *, constant_std: float = CONSTANT_STD) -> Tensor:
    """Return Pearson's r over the valid frames, `(...)`; 0 if a series is constant, NaN with fewer than two frames."""
    a = first - masked_mean(first, valid).unsqueeze(-1)
    b = second - masked_mean(second, valid).unsqueeze(-1)
    spread_a, spread_b = masked_mean(a.square(), valid).sqrt(), masked_mean(b.square(), valid).sqrt()
    product = spread_a * spread_b
    constant = (spread_a <= constant_std) | (spread_b <= constant_std)
    r = masked_mean(a * b, valid) / product.masked_fill(constant, 1)
    # Rounding may carry a perfect correlation past 1.
    r = r.clamp(-1, 1).masked_fill(constant, 0)
    return r.masked_fill(valid.sum(-1) < 2, torch.nan)


def frames_in_time(valid: Tensor, mask: Tensor | None) -> Tensor:
    """Frames that are no padding: with a single valid point at least."""
    return torch.ones_like(valid) if mask is None else mask.any(-1)
