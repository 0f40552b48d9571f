"""Run tasks on the actors of a Ray cluster, or of a Ray started on this machine."""

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any, TypeVar

from kp_io.extras import how_to_install
from kp_io.parallel.threads import use_one_thread
from kp_io.parallel.worker_process import Worker

Task = TypeVar("Task")
Result = TypeVar("Result")

#: Tasks queued for every actor: one running and one to follow it.
_TASKS_PER_ACTOR = 2

#: How often a task is retried when its actor dies.
_RETRIES = 2


class _Actor:
    """A process of the cluster that holds one worker, and with it one detector."""

    def __init__(self, worker: Worker[Any, Any]) -> None:
        use_one_thread()
        self._worker = worker

    def start(self) -> Any:
        return self._worker.start()

    def call(self, task: Any) -> Any:
        return self._worker(task)


def run_ray(
    worker: Worker[Task, Result],
    tasks: Iterable[Task],
    *,
    workers: int,
    gpus: float = 0.0,
    on_start: Callable[[Any], None] | None = None,
) -> Iterator[tuple[Task, Result | None]]:
    """Run every task and yield it with its result, in order of completion; `run_local` on a cluster.

    An initialized Ray is used; otherwise `ray.init()` is called, which joins the cluster named by `RAY_ADDRESS` or
    starts one on this machine, and it is shut down at the end. Every machine has to see the input and output files at
    the same paths. A dead actor is restarted and its tasks are repeated; a task whose actor has died three times comes
    with None. Actors that the cluster has no room for are not waited for.

    Args:
        worker: Runs one task. Every actor loads what it needs itself, and this process nothing.
        tasks: Picklable tasks; none is drawn before the first actor has started.
        workers: Number of actors, one CPU each.
        gpus: GPUs that every actor reserves; a fraction shares one.
        on_start: Called here with what `worker.start` returned, for every actor that has started.

    Raises:
        ImportError: Ray is not installed.
        ChildProcessError: An actor cannot be started, e.g. because the detector's module is missing on its machine.
    """
    try:
        ray = import_module("ray")
    except ImportError as error:
        raise ImportError(f"the engine ray needs Ray: {how_to_install('ray')}") from error
    started = not ray.is_initialized()
    if started:
        ray.init(log_to_driver=False, logging_level="warning")
    try:
        actor_class = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=-1, max_task_retries=_RETRIES)(_Actor)
        starting = {actor.start.remote(): actor for actor in (actor_class.remote(worker) for _ in range(workers))}
        idle: list[Any] = []
        todo = iter(tasks)
        pending: dict[Any, tuple[Any, Task]] = {}
        while True:
            while idle and (task := next(todo, None)) is not None:
                actor = idle.pop(0)
                pending[actor.call.remote(task)] = (actor, task)
            if idle and not pending:
                return
            [ready], _ = ray.wait([*pending, *starting])
            if ready in starting:
                try:
                    started_with = ray.get(ready)
                except ray.exceptions.RayActorError as error:
                    raise ChildProcessError(f"expected Ray's actors to start, but one died: {error}") from error
                except ray.exceptions.RayTaskError as error:
                    raise error.cause from None
                if on_start is not None:
                    on_start(started_with)
                idle += [starting.pop(ready)] * _TASKS_PER_ACTOR
                continue
            actor, task = pending.pop(ready)
            idle.append(actor)
            try:
                yield task, ray.get(ready)
            except ray.exceptions.RayActorError:
                yield task, None
            except ray.exceptions.RayTaskError as error:
                # Raise what the worker raised (a full disk, a missing library), not Ray's report of it.
                raise error.cause from None
    finally:
        if started:
            ray.shutdown()
