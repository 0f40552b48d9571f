"""The accumulator that every metric class is: a sum and a count over its function's values."""

import hashlib
import inspect
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics import Metric

# What torchmetrics.Metric takes itself.
_METRIC_OPTIONS = frozenset(
    {
        "compute_on_cpu",
        "compute_with_cache",
        "dist_sync_fn",
        "dist_sync_on_step",
        "distributed_available_fn",
        "process_group",
        "sync_on_compute",
    }
)
# What comes with the data, in `update`, or is decided by the class.
_INPUTS = frozenset(
    {"preds", "target", "mask", "reduction", "samples", "audio", "area", "beats", "groups", "reference"}
)


def split_options(
    owner: str, function: Callable[..., Any], given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split keyword arguments into the function's options and torchmetrics' own.

    Raises:
        ValueError: An argument belongs to neither; the message names the nearest one that does.
    """
    names = set(inspect.signature(function).parameters) - _INPUTS
    for name in given:
        if name not in names | _METRIC_OPTIONS:
            near = get_close_matches(name, sorted(names | _METRIC_OPTIONS), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"expected options of {owner} out of {', '.join(sorted(names))}, got {name!r}{hint}")
    options = {name: value for name, value in given.items() if name in names}
    return options, {name: value for name, value in given.items() if name not in names}


def fingerprint(owner: str, options: Mapping[str, Any]) -> Tensor:
    """Return eight bytes that differ between metrics that differ."""
    text = owner + repr(sorted(options.items()))
    return torch.tensor(list(hashlib.blake2b(text.encode(), digest_size=8).digest()), dtype=torch.uint8)


def count_faults(mask: Tensor | None, *points: Tensor | None) -> Tensor:
    """Return in how many valid points a coordinate is NaN or infinite, as a tensor: asking would wait for the GPU."""
    # A sum of coordinates is finite if they are; adding slices is much faster than a reduction over two of them.
    total: Tensor | float = 0.0
    for tensor in points:
        if tensor is not None:
            for axis in range(tensor.shape[-1]):
                total = total + tensor[..., axis]
    assert isinstance(total, Tensor)  # there is always one set of points
    faults = ~torch.isfinite(total)
    return (faults if mask is None else faults & mask).sum()


class KeypointMetric(Metric):
    """What all classes share: refusing non-finite input at `compute`, and never being mistaken for another metric."""

    full_state_update = False
    is_differentiable = False
    faults: Tensor

    def __init__(self, function: Callable[..., Any], given: Mapping[str, Any]) -> None:
        self.options, metric_options = split_options(type(self).__name__, function, given)
        super().__init__(**metric_options)
        self.add_state("faults", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        # MetricCollection takes metrics whose states agree after the first batch for one and the same: two that are
        # both perfect there would share their numbers for good. Bytes that differ keep them apart.
        self.add_state("identity", fingerprint(type(self).__name__, self.options), dist_reduce_fx="max")

    def refuse_faults(self) -> None:
        """Raise `ValueError` if a valid point was NaN or infinite in any update."""
        faults = int(self.faults)
        if faults:
            raise ValueError(
                f"expected finite coordinates wherever mask is True, got NaN or infinity in {faults} points given to "
                f"{type(self).__name__}; mask those points or interpolate them first"
            )

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        return f"{type(self).__name__}({options})"


class FunctionMetric(KeypointMetric):
    """Mean of a function's values over everything that `update` has seen; its states sum, so batching never matters.

    Options are those of the function of the same name, by keyword, together with torchmetrics' own. The sums are kept
    in float64; on a device without it (MPS), call `set_dtype(torch.float32)` first.
    """

    function: ClassVar[Callable[..., Tensor]]
    total: Tensor
    count: Tensor

    def __init__(self, **options: Any) -> None:
        super().__init__(type(self).function, options)
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def accumulate(self, preds: Tensor, target: Tensor | None, mask: Tensor | None, **inputs: Any) -> None:
        """Add a batch to the sums."""
        self.add(type(self).function(preds, target, mask=mask, reduction="none", **self.options, **inputs))
        self.faults = self.faults + count_faults(mask, preds, target)

    def add(self, values: Tensor) -> None:
        """Add values to the sums; NaN marks those that are masked or undefined."""
        defined = ~values.isnan()
        self.total = self.total + values.to(self.total.dtype).masked_fill(~defined, 0).sum()
        self.count = self.count + defined.sum()

    def compute(self) -> Tensor:
        """Return the mean, NaN where nothing was valid; raise `ValueError` if a valid point was not finite."""
        self.refuse_faults()
        mean = self.total / self.count.clamp(min=1)
        return mean.masked_fill(self.count == 0, torch.nan).float()


class PairMetric(FunctionMetric):
    """A `FunctionMetric` that needs no more than `preds` and `target`."""

    def update(self, preds: Tensor, target: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch of `preds` and `target` `(..., T, K, D)` with an optional `mask` `(..., T, K)`."""
        self.accumulate(preds, target, mask)
