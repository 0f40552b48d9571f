"""Padding of sequences to a batch, and permutations for shuffled audio."""

from collections.abc import Hashable, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from kp_metrics.primitives.checks import check_keypoints


def pad_sequences(sequences: Sequence[Tensor]) -> tuple[Float[Tensor, "n t k d"], Bool[Tensor, "n t k"]]:
    """Pad sequences `(T_i, K, D)` with zeros to a batch `(N, max T_i, K, D)`, and return it with its mask `(N, T, K)`.

    Raises:
        ValueError: There are no sequences, or they differ in K or D.

    Example:
        >>> batch, mask = pad_sequences([torch.ones(2, 5, 2), torch.ones(3, 5, 2)])
        >>> batch.shape, mask[..., 0]
        (torch.Size([2, 3, 5, 2]), tensor([[ True,  True, False],
                [ True,  True,  True]]))
    """
    if len(sequences) == 0:
        raise ValueError("expected at least one sequence (T, K, D), got none")
    for sequence in sequences:
        check_keypoints(sequence, name="each sequence")
        if sequence.ndim != 3 or sequence.shape[1:] != sequences[0].shape[1:]:
            shapes = f"{tuple(sequences[0].shape)} and {tuple(sequence.shape)}"
            raise ValueError(f"expected sequences (T, K, D) with one K and D, got {shapes}")
    batch = torch.nn.utils.rnn.pad_sequence(list(sequences), batch_first=True)
    lengths = torch.tensor([len(sequence) for sequence in sequences], device=batch.device)
    inside = torch.arange(batch.shape[1], device=batch.device) < lengths[:, None]
    return batch, inside.unsqueeze(-1).expand(batch.shape[:-1])


def derangements(groups: Sequence[Hashable], *, count: int = 5, seed: int = 0) -> Int[Tensor, "count n"]:
    """Return permutations that give every sequence one of another group, for the row "shuffled audio".

    Sequences are sorted by group, groups and their members in random order, and rolled by at least the size of the
    largest group, so that no sequence gets one of its own group. `groups` are the speakers of N sequences.

    Returns:
        `(count, N)`: index of the sequence whose audio each sequence gets.

    Raises:
        ValueError: A group has more than half of the sequences, so that no such permutation exists.

    Example:
        >>> speakers = ["ann", "ann", "bob", "eve"]
        >>> order = derangements(speakers, count=1)[0].tolist()
        >>> any(speakers[source] == speakers[index] for index, source in enumerate(order))
        False
    """
    members: dict[Hashable, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    total, largest = len(groups), max((len(group) for group in members.values()), default=0)
    if total == 0 or 2 * largest > total:
        raise ValueError(
            f"expected groups of at most half the {total} sequences each, got one with {largest}: "
            "not every sequence can get one of another group"
        )
    generator = torch.Generator().manual_seed(seed)

    def shuffled(items: list[Any]) -> list[Any]:
        return [items[i] for i in torch.randperm(len(items), generator=generator).tolist()]

    rows = []
    for _ in range(count):
        order = torch.tensor([index for group in shuffled(list(members.values())) for index in shuffled(group)])
        shift = int(torch.randint(largest, total - largest + 1, (), generator=generator))
        row = torch.empty(total, dtype=torch.int64)
        row[order] = order.roll(shift)
        rows.append(row)
    return torch.stack(rows)
