"""Processes that work for this one, and end with it or when it says so."""

import multiprocessing.connection
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TypeVar

import torch

Result = TypeVar("Result")

#: A library that does not come back to Python within this time is not waited for.
_GRACE_SECONDS = 10.0


def start_worker(lifeline: Connection) -> None:
    """Prepare a process of a pool; to be its initializer.

    Args:
        lifeline: Reading end of a pipe. When the other end is closed, be it because the parent was killed, the work in
            hand is given up, nothing half-written is left, and the process ends.
    """
    torch.set_num_threads(1)
    # Ctrl-C reaches the whole group; the parent alone decides what follows from it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def work(function: Callable[..., Result], *args: object) -> Result:
    """Call a function in a process of the pool, which ends when it is told to while it works."""
    try:
        return function(*args)
    except SystemExit:
        # The pool would take it for a result and give out the next task. What was open has been tidied up by now.
        os._exit(1)


def _end_with(lifeline: Connection) -> None:
    multiprocessing.connection.wait([lifeline])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)
