"""Clips done by actors of a Ray cluster, or of a Ray started on this machine."""

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

import torch

from kp_io.corpus.worker import ClipResult, ClipTask, ClipWorker

#: Tasks handed out for every actor: one in work and one to follow it.
_TASKS_PER_ACTOR = 2

#: How often a task is tried again when its actor dies.
_RETRIES = 2


class _Actor:
    """A process of the cluster that holds one worker, and with it one detector."""

    def __init__(self, worker: ClipWorker) -> None:
        torch.set_num_threads(1)
        self._worker = worker

    def start(self) -> None:
        """Do nothing: that an actor gets here says that it has started."""

    def work(self, task: ClipTask) -> ClipResult:
        return self._worker(task)


def run_ray(
    worker: ClipWorker, tasks: Iterable[ClipTask], *, workers: int, gpus: float = 0.0
) -> Iterator[tuple[ClipTask, ClipResult | None]]:
    """Do every task and yield it with its result, in the order in which they end; `run_local` on a cluster.

    A Ray that is initialized is used; otherwise `ray.init()` is called, which joins the cluster named by `RAY_ADDRESS`
    or starts one on this machine, and it is shut down at the end. Every machine has to see the videos and the corpus at
    the same paths. An actor that dies is started again and its tasks are done again; a task whose actor has died three
    times comes with None. Actors that the cluster has no room for are not waited for.

    Args:
        worker: What does a task.
        tasks: What to do.
        workers: Actors, one CPU each.
        gpus: GPUs that every actor reserves; a fraction shares one.

    Raises:
        ImportError: Ray is not installed.
        ChildProcessError: An actor cannot be started, for want of the detector's module on its machine perhaps.
    """
    try:
        ray = import_module("ray")
    except ImportError as error:
        raise ImportError('the engine ray needs Ray: `pip install "kp-io[ray]"`') from error
    started = not ray.is_initialized()
    if started:
        ray.init(log_to_driver=False, logging_level="warning")
    try:
        actor = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=-1, max_task_retries=_RETRIES)(_Actor)
        starting = {chosen.start.remote(): chosen for chosen in (actor.remote(worker) for _ in range(workers))}
        idle: list[Any] = []
        todo = iter(tasks)
        pending: dict[Any, tuple[Any, ClipTask]] = {}
        while True:
            while idle and (task := next(todo, None)) is not None:
                chosen = idle.pop(0)
                pending[chosen.work.remote(task)] = (chosen, task)
            if idle and not pending:
                return
            [ready], _ = ray.wait([*pending, *starting])
            if ready in starting:
                try:
                    ray.get(ready)
                except ray.exceptions.RayActorError as error:
                    raise ChildProcessError(f"expected Ray's actors to start, but one died: {error}") from error
                idle += [starting.pop(ready)] * _TASKS_PER_ACTOR
                continue
            chosen, task = pending.pop(ready)
            idle.append(chosen)
            try:
                yield task, ray.get(ready)
            except ray.exceptions.RayActorError:
                yield task, None
            except ray.exceptions.RayTaskError as error:
                # What the worker raised, a full disk or a missing library: not the cluster's report of it.
                raise error.cause from None
    finally:
        if started:
            ray.shutdown()
