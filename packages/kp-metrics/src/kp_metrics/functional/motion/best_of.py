"""The best of several predictions for one input."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from kp_metrics.primitives.checks import working_precision


def best_of_n(
    values: Float[Tensor, "s ..."], n: int | None = None, *, higher_is_better: bool = False
) -> Float[Tensor, "..."]:
    """Return the score of the best of n seeds, for a metric of one plausible motion out of many.

    A prediction that is right in its own way has a large error to the one motion that was recorded. If some seed comes
    near it, the recorded motion is among those that a model can generate. It depends on n, which must be quoted, and a
    model that scatters widely gains by it: quote the mean over seeds as well, which is `n=1`.

    For n below the number of seeds it is the exact mean over all choices of n of them, which varies less than one
    choice: the k-th best of S is the best of n with probability `C(S − k, n − 1) / C(S, n)`.

    Args:
        values: `(S, ...)`: scores of S seeds, of sequences for example, by any metric with `reduction="sequence"`.
        n: How many seeds to choose the best of, at most S; all by default.
        higher_is_better: Whether the best score is the highest, as for PCK, or the lowest, as for L1.

    Returns:
        `(...)`. NaN where the score of any seed is.

    Raises:
        ValueError: n is below 1 or above the number of seeds.

    Example:
        >>> errors = torch.tensor([[3.0, 1.0], [1.0, 4.0], [2.0, 1.0]])
        >>> best_of_n(errors)
        tensor([1., 1.])
        >>> best_of_n(errors, 2), best_of_n(errors, 1)
        (tensor([1.3333, 1.0000]), tensor([2., 2.]))
    """
    if values.ndim < 1 or values.shape[0] == 0:
        raise ValueError(f"expected values of shape (S, ...) with at least one seed, got {tuple(values.shape)}")
    seeds = values.shape[0]
    n = seeds if n is None else n
    if not 1 <= n <= seeds:
        raise ValueError(f"expected n from 1 to the number of seeds, {seeds}, got n={n}")
    values = working_precision(values)
    # The last n - 1 are never the best of n.
    shares = [math.comb(seeds - k, n - 1) / math.comb(seeds, n) for k in range(1, seeds - n + 2)]
    weight = torch.tensor(shares, dtype=values.dtype, device=values.device)
    ordered = values.sort(dim=0, descending=higher_is_better).values[: len(shares)]
    best: Tensor = (ordered * weight.reshape(-1, *(1,) * (values.ndim - 1))).sum(0)
    return best.masked_fill(values.isnan().any(0), torch.nan)
