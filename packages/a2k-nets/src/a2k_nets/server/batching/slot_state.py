"""The state of the causal convolutions for many streams, of which each step moves some on."""

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.residual.generator import CausalConv1d, StreamingState


class SlotState(StreamingState):
    """The last inputs of each causal convolution, in one row a stream.

    `select` names the rows that the next pass through the network moves on; all others keep their state.

    Args:
        capacity: Number of rows.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._capacity = capacity
        self._rows = torch.zeros(0, dtype=torch.int64)
        self._pools: dict[CausalConv1d, Tensor] = {}

    def select(self, rows: Tensor) -> None:
        """Name the rows of the next pass, `(B,)` integers without repetition."""
        self._rows = rows

    def clear(self, row: int) -> None:
        """Set a row to zeros, as at the beginning of a stream."""
        for pool in self._pools.values():
            pool[row] = 0

    def load(self, layer: CausalConv1d, like: Tensor, *, channels: int, context: int) -> Float[Tensor, "b c k"]:
        """Return the last inputs of a layer in the chosen rows."""
        pool = self._pools.get(layer)
        if pool is None:
            pool = self._pools[layer] = like.new_zeros(self._capacity, channels, context)
        return pool[self._rows]

    def store(self, layer: CausalConv1d, past: Float[Tensor, "b c k"]) -> None:
        """Keep the last inputs of a layer in the chosen rows."""
        self._pools[layer][self._rows] = past
