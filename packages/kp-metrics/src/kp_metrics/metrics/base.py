"""Base classes of the metrics: accumulators of a sum and a count over the values of a function."""

import hashlib
import inspect
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics import Metric

# Options of torchmetrics.Metric itself.
_METRIC_OPTIONS = frozenset({
    "compute_on_cpu", "compute_with_cache", "dist_sync_fn", "dist_sync_on_step", "distributed_available_fn",
    "process_group", "sync_on_compute",
})  # fmt: skip
# Arguments that come with the data, in `update`, or that the class decides.
_INPUTS = frozenset(
    {"preds", "target", "mask", "reduction", "samples", "audio", "area", "beats", "groups", "reference"}
)


def split_options(
    owner: str, function: Callable[..., Any], given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split keyword arguments into the function's options and torchmetrics' own.

    Raises:
        ValueError: An argument belongs to neither; the message suggests the nearest name.
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
    """Return eight bytes that differ between metrics of different class or options."""
    text = owner + repr(sorted(options.items()))
    return torch.tensor(list(hashlib.blake2b(text.encode(), digest_size=8).digest()), dtype=torch.uint8)


def count_non_finite(mask: Tensor | None, *points: Tensor | None) -> Tensor:
    """Return the number of valid points that are NaN or infinite, as a tensor: an `int` would wait for the GPU."""
    # A sum of finite coordinates is finite; adding slices is much faster than a reduction over two of them.
    slices = [coordinate for tensor in points if tensor is not None for coordinate in tensor.unbind(-1)]
    total: Tensor = sum(slices[1:], 0.0 + slices[0])
    non_finite = ~torch.isfinite(total)
    return (non_finite if mask is None else non_finite & mask).sum()


class KeypointMetric(Metric):
    """Base of all metric classes: rejects non-finite input at `compute`, and is never mistaken for another metric."""

    full_state_update = False
    is_differentiable = False
    faults: Tensor

    def __init__(self, function: Callable[..., Any], given: Mapping[str, Any]) -> None:
        self.options, metric_options = split_options(type(self).__name__, function, given)
        super().__init__(**metric_options)
        self.add_state("faults", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        # MetricCollection merges metrics whose states are equal after the first batch: two that are both perfect there
        # would share their values from then on. These bytes keep them apart.
        self.add_state("identity", fingerprint(type(self).__name__, self.options), dist_reduce_fx="max")

    def raise_if_non_finite(self) -> None:
        """Raise `ValueError` if a valid point was NaN or infinite in any update."""
        faults = int(self.faults)
        if faults:
            raise ValueError(
                f"expected finite coordinates wherever mask is True, got NaN or infinity in {faults} points given to "
                f"{type(self).__name__}; mask those points or interpolate them first"
            )

    refuse_faults = raise_if_non_finite  # its name in 0.1.0

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        return f"{type(self).__name__}({options})"


class FunctionMetric(KeypointMetric):
    """Mean of a function's values over all updates; its states are sums, so batching never matters.

    Options are those of the function, by keyword, together with torchmetrics' own. The sums are float64; on a device
    without it (MPS), call `set_dtype(torch.float32)` first. A subclass gives its function as a class keyword:
    `class NME(PairMetric, function=functional.nme, higher_is_better=False)`.
    """

    function: ClassVar[Callable[..., Tensor]]
    total: Tensor
    count: Tensor

    def __init_subclass__(
        cls, *, function: Callable[..., Tensor] | None = None, higher_is_better: bool | None = None, **keywords: Any
    ) -> None:
        super().__init_subclass__(**keywords)
        if function is not None:
            cls.function = staticmethod(function)
            cls.higher_is_better = higher_is_better

    def __init__(self, **options: Any) -> None:
        super().__init__(type(self).function, options)
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def accumulate(self, preds: Tensor, target: Tensor | None, mask: Tensor | None, **inputs: Any) -> None:
        """Add a batch to the sums."""
        self.add(type(self).function(preds, target, mask=mask, reduction="none", **self.options, **inputs))
        self.faults = self.faults + count_non_finite(mask, preds, target)

    def add(self, values: Tensor) -> None:
        """Add values to the sums; NaN marks those that are masked or undefined."""
        defined = ~values.isnan()
        self.total = self.total + values.to(self.total.dtype).masked_fill(~defined, 0).sum()
        self.count = self.count + defined.sum()

    def compute(self) -> Tensor:
        """Return the mean, NaN where nothing was valid; raise `ValueError` if a valid point was not finite."""
        self.raise_if_non_finite()
        return (self.total / self.count.clamp(min=1)).masked_fill(self.count == 0, torch.nan).float()


class PairMetric(FunctionMetric):
    """A `FunctionMetric` that needs only `preds` and `target`."""

    def update(self, preds: Tensor, target: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch of `preds` and `target` `(..., T, K, D)` with an optional `mask` `(..., T, K)`."""
        self.accumulate(preds, target, mask)


class PredsMetric(PairMetric):
    """A `PairMetric` that measures `preds` alone."""

    def update(self, preds: Tensor, target: Tensor | None = None, mask: Tensor | None = None) -> None:
        """Add a batch of `preds` `(..., T, K, D)`; a normalizer is measured on `target` where it is given."""
        self.accumulate(preds, target, mask)


class ReferenceMetric(PairMetric):
    """A `PairMetric` that aligns both to a reference frame."""

    def update(
        self, preds: Tensor, target: Tensor, mask: Tensor | None = None, reference: Tensor | None = None
    ) -> None:
        """Add a batch of `preds` and `target` `(..., T, K, D)`; `reference` `(..., K, D)`, else the first frame."""
        self.accumulate(preds, target, mask, reference=reference)
