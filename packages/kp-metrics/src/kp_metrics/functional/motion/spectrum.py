"""Power spectrum of velocity."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.primitives.checks import check_mask, check_positive, working_precision


def velocity_spectrum(
    series: Float[Tensor, "*batch t c"],
    *,
    fps: float = 25.0,
    segment: int = 32,
    mask: Bool[Tensor, "*batch t"] | None = None,
) -> tuple[Float[Tensor, " f"], Float[Tensor, "*batch f"]]:
    """Return the power spectral density of a series' frame differences (Welch's method), the mean over channels.

    Segments of differences overlap by half; each has its mean removed and a periodic Hann window applied. The density
    is one-sided: its integral over frequency is the variance of the velocity. A still series has power 0 everywhere;
    detector noise, white in position, rises with the square of the frequency.

    Args:
        series: `(..., T, C)`: coordinates, angles or openings over time.
        fps: Frames per second.
        segment: Differences per segment; the frequencies are multiples of `fps / segment`.
        mask: `(..., T)`, True where a frame is valid; a segment with an invalid frame is left out.

    Returns:
        Frequencies in Hz `(F,)` from `fps / segment` to `fps / 2`, and the density at each, `(..., F)`, in squared
        units of the series per second² and Hz; NaN where a series has no complete segment.

    Raises:
        ValueError: `fps` is not above 0, `segment` is below 2, or the series has fewer than two dimensions.

    Example:
        >>> time = torch.arange(101) / 25
        >>> nod = torch.sin(2 * torch.pi * 6.25 * time).unsqueeze(-1)
        >>> frequencies, power = velocity_spectrum(nod, fps=25.0)
        >>> frequencies[power.argmax()].item()
        6.25
    """
    check_positive(fps=fps)
    if series.ndim < 2 or segment < 2:
        given = f"{tuple(series.shape)} and {segment}"
        raise ValueError(f"expected a series (..., T, C) and a segment of at least 2, got {given}")
    check_mask(mask, series, name="series")
    series = working_precision(series)
    frequencies = torch.fft.rfftfreq(segment, 1 / fps, dtype=series.dtype, device=series.device)[1:]
    missing = series.new_full((*series.shape[:-2], len(frequencies)), torch.nan)
    if series.shape[-2] <= segment:
        return frequencies, missing
    valid = series.new_ones(series.shape[:-1]).bool() if mask is None else mask
    # Masked frames may hold any value: they are zeroed, and their segments left out below.
    velocity = series.masked_fill(~valid.unsqueeze(-1), 0).diff(dim=-2) * fps
    # (..., segments, C, segment)
    segments = velocity.unfold(-2, segment, max(1, segment // 2))
    complete = (valid[..., 1:] & valid[..., :-1]).unfold(-1, segment, max(1, segment // 2)).all(-1)
    window = torch.hann_window(segment, periodic=True, dtype=series.dtype, device=series.device)
    transformed = torch.fft.rfft((segments - segments.mean(-1, keepdim=True)) * window)[..., 1:]
    power = transformed.abs().square().mean(-2) * 2 / (fps * window.square().sum())
    if segment % 2 == 0:
        # The Nyquist frequency is its own mirror image: it occurs once.
        power = torch.cat([power[..., :-1], power[..., -1:] / 2], -1)
    count = complete.sum(-1, keepdim=True)
    total = power.masked_fill(~complete.unsqueeze(-1), 0).sum(-2)
    return frequencies, torch.where(count > 0, total / count.clamp(min=1), missing)
