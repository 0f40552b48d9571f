"""Batches prepared by a background thread while the previous one is trained on."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from a2k_train.data.window_sampler import Batch


@contextmanager
def prefetch(
    batch: Callable[[int], Batch], *, start: int, stop: int, pin_memory: bool = False
) -> Iterator[Iterator[Batch]]:
    """Iterate over the batches of a range of steps, prepared one step ahead by a thread.

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
        >>> with prefetch(sampler.batch, start=3, stop=5) as batches:
        ...     [len(batch.mask) for batch in batches]
        [4, 4]
    """

    def make(step: int) -> Batch:
        return batch(step).pin_memory() if pin_memory else batch(step)

    def iterate(pending: Future[Batch]) -> Iterator[Batch]:
        for step in range(start, stop):
            made = pending.result()
            if step + 1 < stop:
                pending = pool.submit(make, step + 1)
            yield made

    pool = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
    try:
        yield iterate(pool.submit(make, start)) if start < stop else iter(())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


Prefetcher = prefetch  # the name in 0.1.0
