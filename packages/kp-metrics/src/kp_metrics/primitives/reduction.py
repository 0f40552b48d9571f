"""Reduction of masked values, the same for all metrics."""

from typing import Literal, get_args

import torch
from torch import Tensor

from kp_metrics.primitives.checks import check_choice

#: `"mean"` over every valid item, `"sum"` of them, `"sequence"`: mean within each sequence, `"none"`: every item.
Reduction = Literal["mean", "sum", "sequence", "none"]

REDUCTIONS: tuple[str, ...] = get_args(Reduction)


def reduce_values(values: Tensor, valid: Tensor | None, reduction: Reduction, *, item_dims: int) -> Tensor:
    """Reduce `values` over their valid items.

    Items that are not valid (masked, or undefined, such as an error over an eye distance of zero) are left out. Where
    nothing is left the result is NaN, for `"sum"` as well: a 0 would read as a perfect error. A NaN in a valid item is
    an error of the input and makes the result NaN.

    Args:
        values: `(..., *items)`.
        valid: Boolean, broadcastable to `values`; None if every item is valid.
        reduction: One of `REDUCTIONS`.
        item_dims: How many trailing dimensions of `values` lie within a sequence: 2 for values `(..., T, K)`.

    Returns:
        A scalar for `"mean"` and `"sum"`, `(...)` for `"sequence"`, and `values` with NaN where not valid for `"none"`.

    Raises:
        ValueError: `reduction` is none of the four.

    Example:
        >>> values = torch.tensor([[1.0, 2.0], [6.0, 100.0]])
        >>> valid = torch.tensor([[True, True], [True, False]])
        >>> reduce_values(values, valid, "mean", item_dims=1)
        tensor(3.)
        >>> reduce_values(values, valid, "sequence", item_dims=1)
        tensor([1.5000, 6.0000])
        >>> reduce_values(values, valid, "none", item_dims=1)
        tensor([[1., 2.],
                [6., nan]])
    """
    check_choice(reduction, REDUCTIONS, name="reduction")
    dims = tuple(range(-item_dims, 0)) if reduction == "sequence" else tuple(range(-values.ndim, 0))
    if reduction == "none" or not dims:
        return values if valid is None else values.masked_fill(~valid, torch.nan)
    if valid is None:
        return values.sum(dims) if reduction == "sum" else values.mean(dims)
    valid = valid.expand(values.shape)
    total, count = values.masked_fill(~valid, 0).sum(dims), valid.sum(dims)
    reduced = total if reduction == "sum" else total / count.clamp(min=1)
    return reduced.masked_fill(count == 0, torch.nan)
