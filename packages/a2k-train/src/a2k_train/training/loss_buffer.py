"""Buffering of losses, so that the CPU does not wait for a GPU at every step."""

from pathlib import Path

import torch
from torch import Tensor


class LossBuffer:
    """Collects losses on their device, copies them to the CPU every few steps, and raises if one is not finite.

    The error message names `state`, the file of the last good state.
    """

    def __init__(self, *, flush_every: int, state: Path) -> None:
        self._flush_every, self._state = flush_every, state
        self._pending: list[tuple[int, dict[str, Tensor]]] = []
        self._flushed: list[dict[str, float]] = []

    def add(self, step: int, losses: dict[str, Tensor]) -> dict[str, float]:
        """Add a step's losses; return the latest values after a flush, an empty dictionary otherwise.

        Raises:
            FloatingPointError: A flushed loss is not finite.
        """
        self._pending.append((step, losses))
        if len(self._pending) < self._flush_every:
            return {}
        self.flush()
        return self._flushed[-1]

    def flush(self) -> None:
        """Copy pending losses to the CPU; raise `FloatingPointError` at the first that is not finite."""
        if not self._pending:
            return
        rows = torch.stack([torch.stack([v.float() for v in losses.values()]) for _, losses in self._pending]).cpu()
        for (step, losses), row in zip(self._pending, rows, strict=True):
            values = dict(zip(losses, row.tolist(), strict=True))
            if broken := [name for name, value in values.items() if not -float("inf") < value < float("inf")]:
                kept = f"the last good state is kept in {self._state}" if self._state.is_file() else "nothing was saved"
                raise FloatingPointError(
                    f"step {step}: loss {', '.join(broken)} is not finite; {kept}; a lower learning_rate or a "
                    "gradient_clip may help"
                )
            self._flushed.append(values)
        self._pending.clear()

    def means(self) -> dict[str, float]:
        """Return the means over all steps since the last call."""
        self.flush()
        values, self._flushed = self._flushed, []
        return {name: sum(losses[name] for losses in values) / len(values) for name in (values[0] if values else ())}
