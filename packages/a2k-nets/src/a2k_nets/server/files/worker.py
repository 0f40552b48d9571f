"""The process that works on file requests, so that live streams never wait for one."""

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING

from a2k_nets.server.files.errors import RequestError
from a2k_nets.server.limits import ServerLimits

if TYPE_CHECKING:
    from a2k_nets.server.files.jobs import FileRequest


class FileWorker:
    """Works on one file request after another in a process, which the first request starts.

    Args:
        limits: How many requests may wait, and how long one may take.
        start: Prepares the process; its arguments are in `model`.
        model: Arguments of `start`.
    """

    def __init__(self, limits: ServerLimits, start: Callable[..., None], *model: str | None) -> None:
        self._limits = limits
        self._start, self._model = start, model
        self._pool: ProcessPoolExecutor | None = None
        self._jobs: set[asyncio.Future[tuple[str, Path | str]]] = set()
        self._is_stopping = False

    @property
    def is_full(self) -> bool:
        """Whether no further request is taken."""
        return len(self._jobs) >= self._limits.file_requests

    async def run(self, request: "FileRequest") -> Path:
        """Return the file that the worker has written for a request.

        Raises:
            RequestError: The request is wrong, takes too long, or has ended the process; or the server stops.
        """
        from a2k_nets.server.files.jobs import answer

        stopping = RequestError(503, "stopping", "the server stops")
        if self._is_stopping:
            raise stopping
        if self.is_full:  # of uploads that came at the same time
            raise RequestError(503, "full", "the server has as much to do as it takes; try again later")
        if self._pool is None:
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=self._start, initargs=self._model)
        pool = self._pool
        job = asyncio.get_running_loop().run_in_executor(
            pool, answer, request, self._limits.files, self._limits.file_seconds
        )
        self._jobs.add(job)
        try:
            async with asyncio.timeout(self._limits.file_seconds):
                outcome, result = await job
        except asyncio.CancelledError:
            if not self._is_stopping:
                raise
            raise stopping from None
        except TimeoutError:
            seconds = f"{self._limits.file_seconds:g} s"
            raise RequestError(504, "slow", f"the request took longer than {seconds}; try again later") from None
        except BrokenProcessPool:
            pool.shutdown(wait=False)
            if self._pool is pool:
                self._pool = None
            raise RequestError(500, "internal", "the request ended its worker process; the next one starts") from None
        finally:
            self._jobs.discard(job)
        if isinstance(result, Path):
            return result
        raise RequestError(422 if outcome == "wrong" else 500, "input" if outcome == "wrong" else "internal", result)

    async def finish(self, seconds: float) -> None:
        """Wait some seconds for the requests that are there, and refuse what is left of them."""
        if self._jobs:
            await asyncio.wait(self._jobs, timeout=seconds)
        self._is_stopping = True
        for job in self._jobs:
            job.cancel()

    def stop(self) -> None:
        """End the process after what it is doing."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
