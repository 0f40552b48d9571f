"""Clips done in this process, or in several on this machine."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

import torch

from kp_io.clip_worker import ClipResult, ClipTask, ClipWorker

__all__ = ["run_local"]

#: Tasks handed out for every process: one in work and one to follow it.
_TASKS_PER_WORKER = 2


def run_local(
    worker: ClipWorker, tasks: Iterable[ClipTask], *, workers: int
) -> Iterator[tuple[ClipTask, ClipResult | None]]:
    """Do every task and yield it with its result, in the order in which they end.

    Tasks are taken as processes come free, so that there may be any number of them. When a process dies (killed, out
    of memory, a crash in a decoder), the tasks in hand are done again, each in a process of its own; a task whose
    process dies once more comes with None.

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
    pending: dict[Future[ClipResult], ClipTask] = {}
    while True:
        with _pool(worker, workers) as pool:
            try:
                while True:
                    while len(pending) < _TASKS_PER_WORKER * workers and (task := next(todo, None)) is not None:
                        try:
                            pending[pool.submit(_work, task)] = task
                        except BrokenProcessPool:
                            pending[Future()] = task
                            raise
                    if not pending:
                        return
                    done, _ = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        result = future.result()
                        yield pending.pop(future), result
            except BrokenProcessPool:
                pass
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        # Nobody can tell which task it was, so each of them is tried alone.
        suspects = list(pending.values())
        pending.clear()
        for task in suspects:
            yield task, _alone(worker, task)


def _alone(worker: ClipWorker, task: ClipTask) -> ClipResult | None:
    with _pool(worker, 1) as pool:
        try:
            pool.submit(_start).result()
        except BrokenProcessPool as error:
            # It died of what it was given to begin with: no video is to blame.
            raise ChildProcessError(
                "expected worker processes to start, but they die; the detector has to be importable there, and a "
                'script that uses several workers needs `if __name__ == "__main__":` around what it runs'
            ) from error
        try:
            return pool.submit(_work, task).result()
        except BrokenProcessPool:
            return None


def _pool(worker: ClipWorker, workers: int) -> ProcessPoolExecutor:
    # Spawned, not forked: a fork would inherit locks that the threads of torch and FFmpeg hold.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, initializer=_start_process, initargs=(worker,))


_worker: ClipWorker | None = None


def _start_process(worker: ClipWorker) -> None:
    global _worker
    _worker = worker
    torch.set_num_threads(1)
    # Ctrl-C reaches the whole group; the parent alone decides what follows from it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the parent is gone: a killed parent cannot end its children, which would wait forever."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "it runs in a pool's process"
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def _start() -> None:
    """Do nothing: that a process gets here says that it has started."""


def _work(task: ClipTask) -> ClipResult:
    assert _worker is not None, "the pool's initializer has set it"
    return _worker(task)
