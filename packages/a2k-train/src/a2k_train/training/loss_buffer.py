"""Buffering of losses, so that the CPU does not wait for a GPU."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

_Steps = list[tuple[int, dict[str, Tensor]]]


class LossBuffer:
    """Collects losses on their device, copies them to the CPU every few steps, and raises if one is not finite.

    A copy from a GPU is read when the next one starts, so that no step waits for it. `flush` waits.

    Args:
        flush_every: Steps between copies.
        state: File of the last good state, for the error message.
        average: Returns the means over processes; every process then raises at the same step.
    """

    def __init__(
        self, *, flush_every: int, state: Path, average: Callable[[Tensor], Tensor] = lambda losses: losses
    ) -> None:
        self._flush_every, self._state, self._average = flush_every, state, average
        self._pending: _Steps = []
        self._copied: tuple[_Steps, Tensor, torch.cuda.Event | None] | None = None
        self._flushed: list[dict[str, float]] = []

    def add(self, step: int, losses: dict[str, Tensor]) -> dict[str, float]:
        """Add a step's losses; return the latest values if some have arrived, an empty dictionary otherwise.

        Raises:
            FloatingPointError: A loss that has arrived is not finite.
        """
        self._pending.append((step, losses))
        if len(self._pending) < self._flush_every:
            return {}
        before = len(self._flushed)
        self._read()
        self._copy()
        if self._copied is not None and self._copied[2] is None:
            self._read()
        return self._flushed[-1] if len(self._flushed) > before else {}

    def flush(self) -> None:
        """Copy pending losses to the CPU; raise `FloatingPointError` at the first that is not finite."""
        self._read()
        self._copy()
        self._read()

    def means(self) -> dict[str, float]:
        """Return the means over all steps since the last call."""
        self.flush()
        values, self._flushed = self._flushed, []
        return {name: sum(losses[name] for losses in values) / len(values) for name in (values[0] if values else ())}

    def _copy(self) -> None:
        """Start to copy the pending losses."""
        if not self._pending:
            return
        rows = torch.stack([torch.stack([v.float() for v in losses.values()]) for _, losses in self._pending])
        rows, arrived = self._average(rows), None
        if rows.device.type == "cuda":
            target = torch.empty(rows.shape, pin_memory=True)
            rows = target.copy_(rows, non_blocking=True)
            arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]  # untyped in torch
            arrived.record()
        self._copied, self._pending = (self._pending, rows.cpu(), arrived), []

    def _read(self) -> None:
        """Read the losses of the last copy."""
        if self._copied is None:
            return
        (steps, rows, arrived), self._copied = self._copied, None
        if arrived is not None:
            arrived.synchronize()
        for (step, losses), row in zip(steps, rows, strict=True):
            values = dict(zip(losses, row.tolist(), strict=True))
            if broken := [name for name, value in values.items() if not -float("inf") < value < float("inf")]:
                kept = f"the last good state is kept in {self._state}" if self._state.is_file() else "nothing was saved"
                raise FloatingPointError(
                    f"step {step}: loss {', '.join(broken)} is not finite; {kept}; a lower learning_rate or a "
                    "gradient_clip may help"
                )
            self._flushed.append(values)
