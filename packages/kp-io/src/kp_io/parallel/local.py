"""Run tasks in this process, or in several processes on this machine."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from kp_io.parallel.worker_process import Worker, call, start_worker

Task = TypeVar("Task")
Result = TypeVar("Result")

#: The reason why `run_local` and `run_ray` return None for a task.
DIED_TWICE = "the process that worked on it died twice: out of memory, or a crash in a decoder"


def run_local(
    worker: Worker[Task, Result],
    tasks: Iterable[Task],
    *,
    workers: int,
    on_start: Callable[[Any], None] | None = None,
) -> Iterator[tuple[Task, Result | None]]:
    """Run every task and yield it with its result, in order of completion.

    Tasks are drawn as processes become free, so there may be any number of them. When a process dies (killed, out of
    memory, a crash in a decoder), a new one starts and its task is repeated; a task that kills its process twice comes
    with None.

    Args:
        worker: Runs one task. With several processes each loads what it needs itself, and this one nothing.
        tasks: Hashable tasks; none is drawn before the first process has started.
        workers: Number of processes; 1 runs in this one.
        on_start: Called here with what `worker.start` returned, for every process that has started.

    Raises:
        ChildProcessError: Processes cannot be started.
        Exception: Whatever `worker.start`, a task or `on_start` raises; it ends the run.
    """
    on_start = on_start or (lambda _: None)
    if workers <= 1:
        on_start(worker.start())
        yield from ((task, worker(task)) for task in tasks)
        return
    todo = iter(tasks)
    # Spawned, not forked: a fork would inherit locks that the threads of torch and FFmpeg hold.
    context = multiprocessing.get_context("spawn")
    parent_pipe, parent_end = context.Pipe(duplex=False)
    starting: dict[Future[Any], ProcessPoolExecutor] = {}

    def start_pool() -> None:
        # Pools of one process each: when one breaks, it is clear which task did it.
        pool = ProcessPoolExecutor(1, context, initializer=_start_process, initargs=(worker, parent_pipe))
        starting[pool.submit(call, _start_task)] = pool

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
                on_start(_result_of(start))
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


def _result_of(start: Future[Any]) -> Any:
    try:
        return start.result()
    except BrokenProcessPool as error:
        # The process died of its initial arguments, not of a task.
        raise ChildProcessError(
            "expected worker processes to start, but they die; the detector has to be importable there, and a "
            'script that uses several workers needs `if __name__ == "__main__":` around what it runs'
        ) from error


_worker: Worker[Any, Any] | None = None


def _start_process(worker: Worker[Any, Any], parent_pipe: Connection) -> None:
    global _worker
    _worker = worker
    start_worker(parent_pipe)


def _start_task() -> Any:
    assert _worker is not None, "the pool's initializer has set it"
    return _worker.start()


def _run_task(task: Any) -> Any:
    assert _worker is not None, "the pool's initializer has set it"
    return _worker(task)
