"""How many threads libraries may start: all cores, or one in a process that shares the machine with others."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import torch

_max_threads = 0


def max_threads() -> int:
    """Return the number of threads that a decoder may start here; 0 means as many as it likes."""
    return _max_threads


def use_one_thread() -> None:
    """Keep PyTorch, OpenCV and the decoders of this process to one thread: the other cores have processes of their own.

    Decoders look up `max_threads` when they open a file.
    """
    global _max_threads
    _max_threads = 1
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@contextmanager
def decode_in_one_thread() -> Iterator[None]:
    """Let decoders start no threads within the block.

    A damaged video comes out differently for another number of threads, since FFmpeg conceals errors differently.
    """
    global _max_threads
    before, _max_threads = _max_threads, 1
    try:
        yield
    finally:
        _max_threads = before
