"""Run tasks in this process, or in several processes on this machine."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from kp_io.parallel.worker_process import call, start_worker

Task = TypeVar("Task")
Result = TypeVar("Result")


def run_local(
    worker: Callable[[Task], Result], tasks: Iterable[Task], *, workers: int
) -> Iterator[tuple[Task, Result | None]]:
    """Run every task and yield it with its result, in order of completion.

    Tasks are drawn as processes become free, so there may be any number of them. When a process dies (killed, out of
    memory, a crash in a decoder), a new one starts and its task is repeated; a task that kills its process twice comes
    with None.

    Args:
        worker: Runs one task. With several processes it is pickled and sent to each of them once.
        tasks: Hashable tasks.
        workers: Number of processes; 1 runs in this one.

    Raises:
        ChildProcessError: Processes cannot be started.
    """
    if workers <= 1:
        yield from ((task, worker(task)) for task in tasks)
        return
    todo = iter(tasks)
    # Spawned, not forked: a fork would inherit locks that the threads of torch and FFmpeg hold.
    context = multiprocessing.get_context("spawn")
    parent_pipe, parent_end = context.Pipe(duplex=False)
    starting: dict[Future[None], ProcessPoolExecutor] = {}

    def start_pool() -> None:
        # Pools of one process each: when one breaks, it is clear which task did it.
        pool = ProcessPoolExecutor(1, context, initializer=_start_process, initargs=(worker, parent_pipe))
        starting[pool.submit(_started)] = pool

    for _ in range(workers):
        start_pool()
    idle: list[ProcessPoolExecutor] = []
    pending: dict[Future[Result], tuple[ProcessPoolExecutor, Task]] = {}
    retries: list[Task] = []
    retried: set[Task] = set()
    try:
        while True:
            while idle and (task := retries.pop() if retries else next(todo, None)) is not None:
                pool = idle.pop()
                try:
                    pending[pool.submit(call, _run_task, task)] = (pool, task)
                except BrokenProcessPool:  # killed while idle
                    pool.shutdown()
                    start_pool()
                    retries.append(task)
            if idle and not pending:
                return
            futures: list[Future[Any]] = [*starting, *pending]
            done, _ = wait(futures, return_when=FIRST_COMPLETED)
            for start in done & starting.keys():
                _check_start(start)
                idle.append(starting.pop(start))
            for future in done & pending.keys():
                pool, task = pending.pop(future)
                idle.append(pool)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    idle.remove(pool)
                    pool.shutdown()
                    start_pool()
                    if task in retried:
                        yield task, None
                    else:
                        retried.add(task)
                        retries.append(task)
                    continue
                yield task, result
    except BaseException:
        parent_end.close()  # the processes abandon their work
        raise
    finally:
        for pool in [*idle, *starting.values(), *(pool for pool, _ in pending.values())]:
            pool.shutdown(wait=True, cancel_futures=True)


def _check_start(start: Future[None]) -> None:
    try:
        start.result()
    except BrokenProcessPool as error:
        # The process died of its initial arguments, not of a task.
        raise ChildProcessError(
            "expected worker processes to start, but they die; the detector has to be importable there, and a "
            'script that uses several workers needs `if __name__ == "__main__":` around what it runs'
        ) from error


_worker: Callable[[Any], Any] | None = None


def _start_process(worker: Callable[[Any], Any], parent_pipe: Connection) -> None:
    global _worker
    _worker = worker
    start_worker(parent_pipe)


def _started() -> None:
    """Do nothing: a process that runs this has started."""


def _run_task(task: Any) -> Any:
    assert _worker is not None, "the pool's initializer has set it"
    return _worker(task)
