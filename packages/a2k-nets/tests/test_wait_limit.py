"""One limit for each of many waits."""

import asyncio

import pytest

from a2k_nets.server.live.wait_limit import WaitLimit


def test_waits_that_take_longer_only_together():
    async def wait():
        async with WaitLimit(0.5) as limit:
            return [await limit.within(asyncio.sleep(0.07, number)) for number in range(8)]

    assert asyncio.run(wait()) == list(range(8))


def test_the_time_between_waits_does_not_count():
    async def wait():
        async with WaitLimit(0.05) as limit:
            await asyncio.sleep(0.2)
            return await limit.within(asyncio.sleep(0, "there"))

    assert asyncio.run(wait()) == "there"


def test_a_wait_that_is_too_long_ends_after_its_own_time():
    """It begins in the middle of the timer's period."""

    async def wait():
        clock = asyncio.get_running_loop().time
        begin = None
        try:
            async with WaitLimit(0.2) as limit:
                await asyncio.sleep(0.1)
                begin = clock()
                await limit.within(asyncio.Event().wait())
        finally:
            took.append(clock() - begin)

    took = []
    with pytest.raises(TimeoutError):
        asyncio.run(wait())
    assert took[0] >= 0.19


def test_other_errors_and_cancellation_pass():
    async def fail():
        async with WaitLimit(1.0) as limit:
            await limit.within(broken())

    async def broken():
        raise ValueError("broken")

    async def cancelled():
        async with asyncio.timeout(0.02), WaitLimit(5.0) as limit:
            await limit.within(asyncio.Event().wait())

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(fail())
    with pytest.raises(TimeoutError):
        asyncio.run(cancelled())
