"""A limit for each of many short waits."""

import asyncio
from collections.abc import Awaitable
from types import TracebackType
from typing import Self, TypeVar

_Result = TypeVar("_Result")


class WaitLimit:
    """Ends its block with a `TimeoutError` where one of the waits in it takes too long.

    `asyncio.timeout` sets a timer for every wait. There are two for every frame of every stream, most of which are over
    at once, so this one looks only now and then how long the present one has taken.

    Args:
        seconds: The longest wait.

    Example:
        >>> async def wait_twice():
        ...     async with WaitLimit(0.01) as limit:
        ...         await limit.within(asyncio.sleep(0))
        ...         await limit.within(asyncio.sleep(1))
        >>> asyncio.run(wait_twice())
        Traceback (most recent call last):
        TimeoutError
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None

    async def __aenter__(self) -> Self:
        self._clock = asyncio.get_running_loop().time
        self._timeout = asyncio.timeout(None)
        await self._timeout.__aenter__()
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._look)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        await self._timeout.__aexit__(kind, error, traceback)

    async def within(self, doing: Awaitable[_Result]) -> _Result:
        """Wait for something, at most the limit."""
        self._since = self._clock()
        try:
            return await doing
        finally:
            self._since = None

    def _look(self) -> None:
        now = self._clock()
        end = (now if self._since is None else self._since) + self._seconds
        if end <= now:
            self._timeout.reschedule(now)
        else:
            self._timer = asyncio.get_running_loop().call_at(end, self._look)
