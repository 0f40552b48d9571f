"""The next batch made by a background thread while the current one is trained on."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from a2k_train.data.window_sampler import Batch


class Prefetcher:
    """Iterates over the batches of some steps, in order, a thread being ahead by one.

    What the thread raises is raised by the iteration. Leaving the `with` block, by an interrupt or otherwise, ends the
    thread after the batch that it is at.

    Args:
        batch: Returns the batch of a step.
        start: First step.
        stop: Step before which it ends.
        pin_memory: Put the batches into memory that a GPU copies from by itself (`Batch.to`).

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
        self._ahead: deque[Future[Batch]] = deque()
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
        if not self._ahead:
            raise StopIteration
        batch = self._ahead.popleft().result()
        self._submit()
        return batch

    def close(self) -> None:
        """End the thread."""
        self._ahead.clear()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self) -> None:
        if (step := next(self._steps, None)) is not None:
            self._ahead.append(self._pool.submit(self._make, step))

    def _make(self, step: int) -> Batch:
        batch = self._batch(step)
        return batch.pin_memory() if self._pin_memory else batch
