"""Training windows: speech, reference and target drawn anew each step, told by seed and step alone."""

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
        mask: `(B, T)`, False where there is no measured frame: past a clip's end, or where the face was lost.
    """

    waveform: Float[Tensor, "b s"]
    reference: Float[Tensor, "b k d"]
    keypoints: Float[Tensor, "b t k d"]
    mask: Bool[Tensor, "b t"]

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch on a device; from pinned memory the copy runs beside what the CPU does next."""
        return self._map(lambda x: x.to(device, non_blocking=x.is_pinned()))

    def pin_memory(self) -> "Batch":
        """Return the batch in memory that a GPU copies from without the CPU's help."""
        return self._map(Tensor.pin_memory)

    def _map(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        return Batch(change(self.waveform), change(self.reference), change(self.keypoints), change(self.mask))


class WindowSampler:
    """Draws batches of windows from a store, on the device where the store lies.

    A window is as many frames of one clip; a shorter clip is padded (silence, last face) and masked. What is drawn is
    drawn on the CPU and so the same wherever the store lies.

    Args:
        store: Training clips.
        window_frames: Video frames a window.
        batch_size: Windows a step, over all ranks.
        sampling: `balanced` draws clips with replacement, by speaker and length; `epochs` takes one window of every
            clip, in another order and at other moments each epoch.
        random_reference: Share of windows whose reference is any of their measured frames instead of the first.
        speaker_balance: Exponent by which a speaker's share of windows grows with the footage there is (`balanced`): 1
            draws every second of footage alike, 0 every speaker.
        seed: Of everything that is drawn.
        rank: Which share of each batch is this process's: windows `rank`, `rank + world_size`, …
        world_size: Number of processes.

    Raises:
        ValueError: A number is out of its range, or a batch cannot be shared out evenly.

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
        self._draw = (
            EpochSampler(len(store), batch_size=batch_size, seed=seed)
            if sampling == "epochs"
            else BalancedSampler(store, batch_size=batch_size, balance=speaker_balance)
        )

    @property
    def steps_per_epoch(self) -> int:
        """Steps after which there were at least as many windows as there are clips."""
        return -(-len(self.store) // self.batch_size)

    def batch(self, step: int) -> Batch:
        """Return this rank's windows of a step; the same seed, step and rank always give the same ones."""
        generator = seeded("windows", self.seed, step)
        clip = self._draw(step, generator)
        moment, anywhere, place = torch.rand(3, self.batch_size, generator=generator, dtype=torch.float64)
        length, start = self.store.lengths[clip], self.store.starts[clip]
        first = start + (moment * (length - self.window_frames + 1).clamp(min=1)).long()
        plan = torch.stack((first, start + length - 1))
        # Where among the measured frames the reference lies, from 0 for the first to almost 1 for the last.
        place = place * (anywhere < self.random_reference)
        mine = slice(self.rank, None, self.world_size)
        return _gather(self.store, plan[:, mine], place[mine], self.window_frames)


def _gather(store: ClipStore, plan: Int64[Tensor, "2 b"], place: Float64[Tensor, " b"], window_frames: int) -> Batch:
    """Read the windows from their first frames, each clip no further than its last."""
    (first, last), place = _upload(plan, store.device)[:, :, None], _upload(place, store.device)
    frames = first + torch.arange(window_frames, device=store.device)
    inside = frames <= last
    frames = frames.minimum(last)

    def read(rows: Tensor) -> Tensor:
        return rows.index_select(0, frames.flatten()).reshape(*frames.shape, *rows.shape[1:])

    mask = read(store.measured) & inside
    nth = (place * mask.sum(dim=1)).long() + 1
    # The first frame that has so many measured ones up to it; without any, the window's first.
    reference = frames.gather(1, (mask.cumsum(dim=1) == nth[:, None]).int().argmax(dim=1, keepdim=True))[:, 0]
    # To float, to [-1, 1] and to silence past the end in one pass: most of a batch's bytes are its sound.
    gain = inside.float() / FULL_SCALE
    return Batch(
        waveform=read(store.sound).float().mul_(gain[..., None]).flatten(1),
        reference=store.keypoints.index_select(0, reference),
        keypoints=read(store.keypoints),
        mask=mask,
    )


def _upload(x: Tensor, device: torch.device) -> Tensor:
    """Copy without making the CPU wait for the GPU."""
    return x.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else x
