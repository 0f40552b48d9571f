"""Clips done in this process, or in several on this machine."""

import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Any

from kp_io.corpus.worker import ClipResult, ClipTask, ClipWorker
from kp_io.parallel.worker_process import start_worker, work


def run_local(
    worker: ClipWorker, tasks: Iterable[ClipTask], *, workers: int
) -> Iterator[tuple[ClipTask, ClipResult | None]]:
    """Do every task and yield it with its result, in the order in which they end.

    Tasks are taken as processes come free, so that there may be any number of them. When a process dies (killed, out
    of memory, a crash in a decoder), another one is started and the task in hand is done again; a task whose process
    dies once more comes with None.

    Args:
        worker: What does a task.
        tasks: What to do.
        workers: Processes; 1 works in this one.

    Raises:
        ChildProcessError: Processes cannot be started.
    """
    if workers <= 1:
        yield from ((task, worker(task)) for task in tasks)
        return
    todo = iter(tasks)
    lifeline, hand = multiprocessing.get_context("spawn").Pipe(duplex=False)
    # A pool of one process each: when it breaks, there is no doubt which task it was.
    starting = {pool.submit(_start): pool for pool in (_pool(worker, lifeline) for _ in range(workers))}
    idle: list[ProcessPoolExecutor] = []
    pending: dict[Future[ClipResult], tuple[ProcessPoolExecutor, ClipTask]] = {}
    again: list[ClipTask] = []
    died: set[ClipTask] = set()
    try:
        while True:
            while idle and (task := again.pop() if again else next(todo, None)) is not None:
                pool = idle.pop()
                try:
                    pending[pool.submit(work, _work, task)] = (pool, task)
                except BrokenProcessPool:  # killed while it had nothing to do
                    starting.update(_restarted(worker, lifeline, pool))
                    again.append(task)
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
                    starting.update(_restarted(worker, lifeline, pool))
                    if task in died:
                        yield task, None
                    else:
                        died.add(task)
                        again.append(task)
                    continue
                yield task, result
    except BaseException:
        hand.close()  # the processes let go of what they are at
        raise
    finally:
        for pool in [*idle, *starting.values(), *(pool for pool, _ in pending.values())]:
            pool.shutdown(wait=True, cancel_futures=True)


def _pool(worker: ClipWorker, lifeline: Connection) -> ProcessPoolExecutor:
    # Spawned, not forked: a fork would inherit locks that the threads of torch and FFmpeg hold.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, context, initializer=_start_process, initargs=(worker, lifeline))


def _restarted(
    worker: ClipWorker, lifeline: Connection, broken: ProcessPoolExecutor
) -> dict[Future[None], ProcessPoolExecutor]:
    broken.shutdown()
    pool = _pool(worker, lifeline)
    return {pool.submit(_start): pool}


def _check_start(start: Future[None]) -> None:
    try:
        start.result()
    except BrokenProcessPool as error:
        # It died of what it was given to begin with: no video is to blame.
        raise ChildProcessError(
            "expected worker processes to start, but they die; the detector has to be importable there, and a "
            'script that uses several workers needs `if __name__ == "__main__":` around what it runs'
        ) from error


_worker: ClipWorker | None = None


def _start_process(worker: ClipWorker, lifeline: Connection) -> None:
    global _worker
    _worker = worker
    start_worker(lifeline)


def _start() -> None:
    """Do nothing: that a process gets here says that it has started."""


def _work(task: ClipTask) -> ClipResult:
    assert _worker is not None, "the pool's initializer has set it"
    return _worker(task)
