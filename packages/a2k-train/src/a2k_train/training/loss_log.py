"""Losses between two looks at them: a GPU is not waited for at every step."""

from pathlib import Path

import torch
from torch import Tensor


class LossBuffer:
    """Collects the losses of steps, and finds the first that is no longer finite.

    Args:
        look_every: Steps between looks.
        state: The file of the last good state, for the message.
    """

    def __init__(self, *, look_every: int, state: Path) -> None:
        self._look_every, self._state = look_every, state
        self._pending: list[tuple[int, dict[str, Tensor]]] = []
        self._seen: list[dict[str, float]] = []

    def add(self, step: int, losses: dict[str, Tensor]) -> dict[str, float]:
        """Take a step's losses; return the newest seen ones, empty where it was not yet time to look.

        Raises:
            FloatingPointError: One of the losses looked at is not finite.
        """
        self._pending.append((step, losses))
        if len(self._pending) < self._look_every:
            return {}
        self.look()
        return self._seen[-1]

    def look(self) -> None:
        """Fetch what is pending; raise `FloatingPointError` at the first value that is not finite."""
        if not self._pending:
            return
        values = torch.stack([torch.stack([v.float() for v in losses.values()]) for _, losses in self._pending]).cpu()
        for (step, losses), row in zip(self._pending, values, strict=True):
            seen = dict(zip(losses, row.tolist(), strict=True))
            if broken := [name for name, value in seen.items() if not -float("inf") < value < float("inf")]:
                kept = f"the last good state is kept in {self._state}" if self._state.is_file() else "nothing was saved"
                raise FloatingPointError(
                    f"step {step}: loss {', '.join(broken)} is not finite; {kept}; a lower learning_rate or a "
                    "gradient_clip may help"
                )
            self._seen.append(seen)
        self._pending.clear()

    def means(self) -> dict[str, float]:
        """Return the means over all steps since the last call."""
        self.look()
        seen, self._seen = self._seen, []
        return {name: sum(losses[name] for losses in seen) / len(seen) for name in (seen[0] if seen else ())}
