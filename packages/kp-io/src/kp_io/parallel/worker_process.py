"""Worker processes that end with their parent, or at its request."""

import atexit
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Protocol, TypeVar, runtime_checkable

from kp_io.parallel.threads import use_one_thread

Task = TypeVar("Task", contravariant=True)
Result = TypeVar("Result")
Produced = TypeVar("Produced", covariant=True)

#: A library that does not return to Python within this time is not waited for.
_GRACE_SECONDS = 10.0


@runtime_checkable
class Worker(Protocol[Task, Produced]):
    """What runs the tasks: it is pickled and sent to every process once."""

    def start(self) -> object:
        """Load what every task needs; called once in every process, before its first task.

        Returns:
            What the caller should know about the process, such as the detector's name.
        """

    def __call__(self, task: Task, /) -> Produced:
        """Run one task."""


def start_worker(parent_pipe: Connection) -> None:
    """Prepare a process of a pool; use it as the pool's initializer.

    Args:
        parent_pipe: Reading end of a pipe. When the other end closes, even because the parent was killed, the process
            abandons its current work, leaves no half-written file, and ends.
    """
    use_one_thread()
    # Ctrl-C reaches the whole process group; only the parent decides what to do about it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # A process that is ending already must not be interrupted in its exit handlers: it would print a traceback.
    atexit.register(signal.signal, signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent_pipe,), daemon=True).start()


def call(function: Callable[..., Result], *args: object) -> Result:
    """Call a function in a process of the pool, and end the process if it is told to stop meanwhile."""
    try:
        return function(*args)
    except SystemExit:
        # The pool would take this for a result and send the next task. Open files have been cleaned up by now.
        os._exit(1)


def _end_with(parent_pipe: Connection) -> None:
    multiprocessing.connection.wait([parent_pipe])
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGTERM)  # os.kill would end the process at once, and leave half-written files
    else:
        os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)
