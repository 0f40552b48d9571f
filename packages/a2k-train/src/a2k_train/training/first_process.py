"""Work that only the first of several processes does, while the others wait for its end or its failure."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count

from lightning_fabric import Fabric
from torch import distributed

#: Longest time that the others wait.
_PATIENCE = timedelta(days=7)

_numbers = count()


def on_first_process(fabric: Fabric, work: Callable[[], object]) -> None:
    """Do some work in the first process; the others return when it is done, and fail if it fails.

    The others wait at the store by which the processes found each other, not in a barrier of the GPUs, whose watchdog
    ends them after minutes. All processes must call this the same number of times.

    Raises:
        RuntimeError: The work failed, in the processes that did not do it; the first process raises its own error.
    """
    if fabric.world_size == 1:
        work()
        return
    store = distributed.distributed_c10d._get_default_store()  # no public function returns it
    key = f"a2k_train/first_process/{next(_numbers)}"
    if not fabric.is_global_zero:
        store.wait([key], _PATIENCE)
        message = store.get(key).decode("utf-8")
        if message:
            raise RuntimeError(f"expected the first process to go on, but it stopped: {message}")
        return
    try:
        work()
    except BaseException as error:
        store.set(key, f"{type(error).__name__}: {error}")
        raise
    store.set(key, "")
