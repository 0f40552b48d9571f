"""Which clips a step's windows are taken from."""

import hashlib

import torch
from jaxtyping import Int64
from torch import Tensor

from a2k_train.data.clip_store import ClipStore


def seeded(*key: str | int) -> torch.Generator:
    """Return a generator whose numbers the key decides; keys that differ give unrelated ones.

    Example:
        >>> a, b, c = (torch.rand((), generator=seeded("windows", 0, step)) for step in (7, 7, 8))
        >>> bool(a == b), bool(b == c)
        (True, False)
    """
    digest = hashlib.sha256(repr(key).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:4]))


class BalancedSampler:
    """Draws clips with replacement, by speaker and length.

    A speaker's share is footage ** balance, divided among the speaker's clips by their length.

    Args:
        store: The clips.
        batch_size: Clips a step.
        balance: The exponent.
    """

    def __init__(self, store: ClipStore, *, batch_size: int, balance: float) -> None:
        names = {name: index for index, name in enumerate(dict.fromkeys(store.speakers))}
        speaker = torch.tensor([names[name] for name in store.speakers])
        length = store.lengths.double()
        footage = torch.zeros(len(names), dtype=torch.float64).index_add(0, speaker, length)
        self._cumulative = (length * footage[speaker] ** (balance - 1.0)).cumsum(0)
        self._batch_size = batch_size

    def __call__(self, step: int, generator: torch.Generator) -> Int64[Tensor, " b"]:
        """Return the clips of a step."""
        del step
        point = torch.rand(self._batch_size, generator=generator, dtype=torch.float64) * self._cumulative[-1]
        return torch.searchsorted(self._cumulative, point, right=True).clamp(max=len(self._cumulative) - 1)


class EpochSampler:
    """Deals every clip once an epoch, in another order each; batches run on across an epoch's end.

    Args:
        num_clips: Number of clips.
        batch_size: Clips a step.
        seed: Of the orders.
    """

    def __init__(self, num_clips: int, *, batch_size: int, seed: int) -> None:
        self._num_clips, self._batch_size, self._seed = num_clips, batch_size, seed
        self._orders: dict[int, Tensor] = {}

    def __call__(self, step: int, generator: torch.Generator) -> Int64[Tensor, " b"]:
        """Return the clips of a step."""
        del generator
        begin = step * self._batch_size
        epochs = range(begin // self._num_clips, (begin + self._batch_size - 1) // self._num_clips + 1)
        # Only the orders at hand are kept: the next step goes on where this one ends.
        self._orders = {epoch: self._orders[epoch] if epoch in self._orders else self._order(epoch) for epoch in epochs}
        dealt = torch.cat(list(self._orders.values()))
        return dealt[begin - epochs[0] * self._num_clips :][: self._batch_size]

    def _order(self, epoch: int) -> Tensor:
        return torch.randperm(self._num_clips, generator=seeded("order", self._seed, epoch))
