"""Choice of the clips of each training step."""

import hashlib

import torch
from jaxtyping import Int64
from torch import Tensor

from a2k_train.data.clip_store import ClipStore


def seeded(*key: str | int) -> torch.Generator:
    """Return a generator seeded by a hash of the key; different keys give unrelated numbers.

    Example:
        >>> a, b, c = (torch.rand((), generator=seeded("windows", 0, step)) for step in (7, 7, 8))
        >>> bool(a == b), bool(b == c)
        (True, False)
    """
    digest = hashlib.sha256(repr(key).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:4]))


class BalancedSampler:
    """Draws clips with replacement, by speaker and length.

    A speaker's probability is proportional to footage ** balance; within a speaker, clips are weighted by length.
    """

    def __init__(self, store: ClipStore, *, batch_size: int, balance: float) -> None:
        names = {name: index for index, name in enumerate(dict.fromkeys(store.speakers))}
        speaker = torch.tensor([names[name] for name in store.speakers])
        length = store.lengths.double()
        footage = torch.zeros(len(names), dtype=torch.float64).index_add(0, speaker, length)
        self._cumulative = (length * footage[speaker] ** (balance - 1.0)).cumsum(0)
        self._batch_size = batch_size

    def __call__(self, step: int, generator: torch.Generator) -> Int64[Tensor, " b"]:
        """Return the indices of a step's clips."""
        del step
        point = torch.rand(self._batch_size, generator=generator, dtype=torch.float64) * self._cumulative[-1]
        return torch.searchsorted(self._cumulative, point, right=True).clamp(max=len(self._cumulative) - 1)


class EpochSampler:
    """Visits every clip once per epoch, in a new random order; batches continue across epoch boundaries."""

    def __init__(self, num_clips: int, *, batch_size: int, seed: int) -> None:
        self._num_clips, self._batch_size, self._seed = num_clips, batch_size, seed
        self._orders: dict[int, Tensor] = {}

    def __call__(self, step: int, generator: torch.Generator) -> Int64[Tensor, " b"]:
        """Return the indices of a step's clips."""
        del generator
        begin = step * self._batch_size
        epochs = range(begin // self._num_clips, (begin + self._batch_size - 1) // self._num_clips + 1)
        # Only the current orders are kept: the next step continues where this one ends.
        self._orders = {epoch: self._orders[epoch] if epoch in self._orders else self._order(epoch) for epoch in epochs}
        order = torch.cat(list(self._orders.values()))
        return order[begin - epochs[0] * self._num_clips :][: self._batch_size]

    def _order(self, epoch: int) -> Tensor:
        return torch.randperm(self._num_clips, generator=seeded("order", self._seed, epoch))
