"""Batches prepared by a background thread while the previous one is trained on."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from a2k_train.data.window_sampler import Batch


class Prefetcher:
    """Iterates over the batches of a range of steps, prepared one step ahead by a thread.

    Errors of the thread are raised by the iteration. Leaving the `with` block ends the thread after its current batch.

    Args:
        batch: Returns the batch of a step.
        start: First step.
        stop: End of the range, exclusive.
        pin_memory: Copy the batches to pinned memory, for asynchronous transfer to a GPU (`Batch.to`).

    Example:
        >>> from a2k_train.data.clip import Clip
        >>> from a2k_train.data.clip_store import ClipStore
        >>> from a2k_train.data.window_sampler import WindowSampler
        >>> sound = torch.zeros(50 * 640, dtype=torch.int16)
        >>> clip = Clip("a", "ada", "train", sound, torch.zeros(50, 68, 2), torch.ones(50, dtype=torch.bool))
        >>> sampler = WindowSampler(ClipStore.from_clips([clip]), window_frames=16, batch_size=4)
        >>> with Prefetcher(sampler.batch, start=3, stop=5) as batches:
        ...     [len(batch.mask) for batch in batches]
        [4, 4]
    """

    def __init__(self, batch: Callable[[int], Batch], *, start: int, stop: int, pin_memory: bool = False) -> None:
        self._batch, self._pin_memory = batch, pin_memory
        self._steps = iter(range(start, stop))
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
        self._pending: Future[Batch] | None = None
        self._submit()

    def __enter__(self) -> "Prefetcher":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        pending, self._pending = self._pending, None
        if pending is None:
            raise StopIteration
        batch = pending.result()
        self._submit()
        return batch

    def close(self) -> None:
        """End the thread."""
        self._pending = None
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self) -> None:
        step = next(self._steps, None)
        self._pending = None if step is None else self._pool.submit(self._make, step)

    def _make(self, step: int) -> Batch:
        batch = self._batch(step)
        return batch.pin_memory() if self._pin_memory else batch
