"""Percentile bootstrap over sequences or speakers."""

from collections.abc import Hashable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from kp_metrics.primitives.checks import check_positive

_DRAWS_PER_CHUNK = 100


def bootstrap_interval(
    values: Float[Tensor, " n"],
    *,
    weights: Float[Tensor, " n"] | None = None,
    groups: Sequence[Hashable] | None = None,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the bootstrap interval of a weighted mean, resampling sequences or whole groups of them.

    Clips of one speaker are similar: give `groups` if there are several per speaker, or the interval is too narrow.

    Args:
        values: `(N,)`: one value per sequence; NaN values are left out.
        weights: `(N,)` weights, such as the number of points; 1 by default.
        groups: N labels of what is resampled together, such as speakers.
        resamples: Number of bootstrap samples.
        confidence: Share of them within the interval.
        seed: Seed of the resampling.

    Returns:
        Lower and upper end; both NaN without a value.

    Raises:
        ValueError: The lengths differ, or an option is out of range.

    Example:
        >>> low, high = bootstrap_interval(torch.tensor([1.0, 2.0, 3.0, 4.0]))
        >>> 1.0 <= low < 2.5 < high <= 4.0
        True
    """
    if values.ndim != 1:
        raise ValueError(f"expected values of shape (N,), got {tuple(values.shape)}")
    weights = torch.ones_like(values) if weights is None else weights
    if weights.shape != values.shape:
        raise ValueError(f"expected weights of shape {tuple(values.shape)} as values, got {tuple(weights.shape)}")
    defined = ~values.isnan()
    weights = weights.masked_fill(~defined, 0)
    totals = cluster_totals(torch.stack([values.masked_fill(~defined, 0) * weights, weights]), groups)
    draws = [draw[0] / draw[1] for draw in resampled_totals(totals, resamples=resamples, seed=seed)]
    return percentile_interval(torch.cat(draws), confidence)


def cluster_totals(sums: Float[Tensor, "*rows n"], groups: Sequence[Hashable] | None) -> Float[Tensor, "*rows c"]:
    """Return the sums over the sequences of each group, in float64 on the CPU."""
    sums = sums.detach().cpu().double()
    if groups is None:
        return sums
    if len(groups) != sums.shape[-1]:
        raise ValueError(f"expected one of groups for each of the {sums.shape[-1]} sequences, got {len(groups)}")
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    index = torch.tensor([numbers[group] for group in groups])
    return sums.new_zeros((*sums.shape[:-1], len(numbers))).index_add(-1, index, sums)


def resampled_totals(
    totals: Float[Tensor, "*rows c"], *, resamples: int, seed: int
) -> Iterator[Float[Tensor, "*rows draws"]]:
    """Yield the totals of bootstrap samples, a chunk at a time; one seed draws the same clusters for every row."""
    check_positive(resamples=resamples)
    clusters = totals.shape[-1]
    generator = torch.Generator().manual_seed(seed)
    for start in range(0, resamples, _DRAWS_PER_CHUNK):
        draws = min(_DRAWS_PER_CHUNK, resamples - start)
        chosen = torch.randint(clusters, (draws, clusters), generator=generator)
        ones = torch.ones(draws, clusters, dtype=totals.dtype)
        yield totals @ torch.zeros_like(ones).scatter_add_(1, chosen, ones).mT


def percentile_interval(draws: Float[Tensor, " n"], confidence: float) -> tuple[float, float]:
    """Return the interval with the middle `confidence` of the draws; NaN draws are left out."""
    if not 0 < confidence < 1:
        raise ValueError(f"expected confidence between 0 and 1, got confidence={confidence}")
    draws = draws[torch.isfinite(draws)]
    if draws.numel() == 0:
        return torch.nan, torch.nan
    tail = (1 - confidence) / 2
    low, high = torch.quantile(draws, torch.tensor([tail, 1 - tail], dtype=draws.dtype)).tolist()
    return low, high
