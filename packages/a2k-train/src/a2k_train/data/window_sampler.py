"""Batches of training windows: speech, reference face and target keypoints.

Batches depend only on seed, step and rank, whichever cache is used.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from a2k_train.data.clip import FULL_SCALE
from a2k_train.data.clip_sampler import BalancedSampler, EpochSampler, seeded
from a2k_train.data.clip_store import ClipStore


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch of windows.

    Attributes:
        waveform: `(B, S)` in [-1, 1].
        reference: `(B, K, D)` pixels.
        keypoints: `(B, T, K, D)` pixels.
        mask: `(B, T)`, False past the end of a clip and where the face was not detected.
        features: `(B, T, C)` features of a speech encoder, of the clean or an augmented sound, if the store has them.
    """

    waveform: Float[Tensor, "b s"]
    reference: Float[Tensor, "b k d"]
    keypoints: Float[Tensor, "b t k d"]
    mask: Bool[Tensor, "b t"]
    features: Float[Tensor, "b t f"] | None = None

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> "Batch":
        """Return the batch on a device, floats converted to a type; from pinned memory the copy is asynchronous."""

        def move(x: Tensor) -> Tensor:
            return x.to(device, dtype if dtype and x.is_floating_point() else x.dtype, non_blocking=x.is_pinned())

        return self._map(move)

    def pin_memory(self) -> "Batch":
        """Return the batch in pinned memory."""
        return self._map(Tensor.pin_memory)

    def _map(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        features = None if self.features is None else change(self.features)
        return Batch(change(self.waveform), change(self.reference), change(self.keypoints), change(self.mask), features)


class WindowSampler:
    """Draws batches of windows from a store, on the store's device.

    A window is a number of consecutive frames of one clip; a shorter clip is padded (silence, last face) and masked.
    Random numbers are drawn on the CPU, so that they are the same for every device.

    Args:
        store: Training clips.
        window_frames: Video frames per window.
        batch_size: Windows per step, over all ranks.
        sampling: `balanced` draws clips with replacement, by speaker and length; `epochs` takes one window of every
            clip, in a new order and at new offsets each epoch.
        random_reference: Share of windows whose reference is a random measured frame instead of the first.
        speaker_balance: A speaker's share of windows is proportional to footage ** speaker_balance (`balanced`): 1
            weights every second of footage equally, 0 every speaker.
        seed: Seed of everything that is drawn.
        rank: This process; it gets the windows `rank`, `rank + world_size`, … of each batch.
        world_size: Number of processes.

    Raises:
        ValueError: An argument is out of range, or `world_size` does not divide the batch.

    Example:
        >>> from a2k_train.data.clip import Clip
        >>> sound = torch.zeros(50 * 640, dtype=torch.int16)
        >>> clip = Clip("a", "ada", "train", sound, torch.zeros(50, 68, 2), torch.ones(50, dtype=torch.bool))
        >>> sampler = WindowSampler(ClipStore.from_clips([clip]), window_frames=16, batch_size=4)
        >>> batch = sampler.batch(0)
        >>> batch.waveform.shape, batch.keypoints.shape
        (torch.Size([4, 10240]), torch.Size([4, 16, 68, 2]))
    """

    def __init__(
        self,
        store: ClipStore,
        *,
        window_frames: int = 64,
        batch_size: int = 32,
        sampling: str = "balanced",
        random_reference: float = 0.5,
        speaker_balance: float = 0.5,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if window_frames < 1 or batch_size < 1 or not 0 <= random_reference <= 1:
            raise ValueError(
                "expected a positive window and batch and random_reference within [0, 1], got "
                f"{window_frames=}, {batch_size=}, {random_reference=}"
            )
        if not 0 <= rank < world_size:
            raise ValueError(f"expected a rank from 0 to {world_size - 1}, got {rank}")
        if batch_size % world_size:
            raise ValueError(
                f"expected a batch that {world_size} processes can share evenly, got {batch_size} windows; choose a "
                f"multiple of {world_size}"
            )
        if sampling not in ("balanced", "epochs"):
            raise ValueError(f"expected the sampling balanced or epochs, got {sampling!r}")
        self.store, self.window_frames, self.batch_size = store, window_frames, batch_size
        self.random_reference, self.seed, self.rank, self.world_size = random_reference, seed, rank, world_size
        self._sample_clips = (
            EpochSampler(len(store), batch_size=batch_size, seed=seed)
            if sampling == "epochs"
            else BalancedSampler(store, batch_size=batch_size, balance=speaker_balance)
        )

    @property
    def steps_per_epoch(self) -> int:
        """Steps until there have been at least as many windows as clips."""
        return -(-len(self.store) // self.batch_size)

    def batch(self, step: int) -> Batch:
        """Return this rank's windows of a step."""
        generator = seeded("windows", self.seed, step)
        clip = self._sample_clips(step, generator)
        offset, choice, position = torch.rand(3, self.batch_size, generator=generator, dtype=torch.float64)
        length, start = self.store.lengths[clip], self.store.starts[clip]
        first = start + (offset * (length - self.window_frames + 1).clamp(min=1)).long()
        bounds = torch.stack((first, start + length - 1))
        # Position of the reference among the measured frames, from 0 for the first to almost 1 for the last.
        position = position * (choice < self.random_reference)
        own = slice(self.rank, None, self.world_size)
        variant = None
        if self.store.features is not None:
            variant = torch.randint(len(self.store.features), (self.batch_size,), generator=generator)[own]
        return _gather(self.store, bounds[:, own], position[own], self.window_frames, variant)


def _gather(
    store: ClipStore,
    bounds: Int64[Tensor, "2 b"],
    position: Float64[Tensor, " b"],
    window_frames: int,
    variant: Int64[Tensor, " b"] | None = None,
) -> Batch:
    """Read windows from each window's first frame up to the last frame of its clip."""
    (first, last), position = _upload(bounds, store.device)[:, :, None], _upload(position, store.device)
    frames = first + torch.arange(window_frames, device=store.device)
    inside = frames <= last
    frames = frames.minimum(last)

    def read(rows: Tensor) -> Tensor:
        return rows.index_select(0, frames.flatten()).reshape(*frames.shape, *rows.shape[1:])

    mask = read(store.measured) & inside
    nth = (position * mask.sum(dim=1)).long() + 1
    # The nth measured frame; without measured frames, the window's first.
    reference = frames.gather(1, (mask.cumsum(dim=1) == nth[:, None]).int().argmax(dim=1, keepdim=True))[:, 0]
    # Convert to float, scale to [-1, 1] and silence the padding in one pass: most of a batch's bytes are sound.
    gain = inside.float() / FULL_SCALE
    return Batch(
        waveform=read(store.sound).float().mul_(gain[..., None]).flatten(1),
        reference=store.keypoints.index_select(0, reference),
        keypoints=read(store.keypoints),
        mask=mask,
        features=None if variant is None else _read_features(store, frames, inside, _upload(variant, store.device)),
    )


def _read_features(
    store: ClipStore, frames: Int64[Tensor, "b t"], inside: Bool[Tensor, "b t"], variant: Int64[Tensor, " b"]
) -> Float[Tensor, "b t f"]:
    """Return the features of windows, zeros past the end of a clip."""
    assert store.features is not None
    rows = variant[:, None] * store.features.shape[1] + frames
    read = store.features.flatten(0, 1).index_select(0, rows.flatten()).float()
    return read.reshape(*rows.shape, -1) * inside[..., None]


def _upload(x: Tensor, device: torch.device) -> Tensor:
    """Copy to a device without making the CPU wait."""
    return x.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else x
