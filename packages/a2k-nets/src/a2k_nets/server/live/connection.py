"""One client of a live stream, from its first message to its last."""

import asyncio
import logging
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from a2k_nets.server.limits import ServerLimits
from a2k_nets.server.live.errors import StreamError, VanishedError, internal_error
from a2k_nets.server.live.incoming_sound import IncomingSound
from a2k_nets.server.live.live_stream import LiveStream
from a2k_nets.server.live.protocol import (
    StreamRequest,
    binary_frame,
    end_message,
    error_message,
    json_frame,
    parse_message,
    parse_start,
    ready_message,
)
from a2k_nets.server.live.scheduler import Scheduler
from a2k_nets.server.live.wait_limit import WaitLimit
from a2k_nets.server.measurements import Measurements

logger = logging.getLogger(__name__)


@runtime_checkable
class Channel(Protocol):
    """An accepted WebSocket; all but `close` raise `VanishedError` where the client has gone."""

    async def receive(self) -> str | bytes:
        """Wait for the next message."""
        ...

    async def send(self, message: str | bytes) -> None:
        """Send a message, and wait while the client takes none."""
        ...

    async def close(self, code: int) -> None:
        """Close the connection."""
        ...


class StreamConnection:
    """One client of a live stream.

    Args:
        channel: Its connection, which is accepted.
        scheduler: Where its stream is computed.
        limits: How long it may take, and how much it may send.
        measurements: Where its frames are counted.
    """

    def __init__(
        self, channel: Channel, scheduler: Scheduler, *, limits: ServerLimits, measurements: Measurements
    ) -> None:
        self._channel, self._scheduler = channel, scheduler
        self._limits, self._measurements = limits, measurements

    async def serve(self) -> None:
        """Read the client's request and its sound, and send its frames, until it ends, fails or goes."""
        how = "client"
        try:
            how = await self._serve()
            await self._within_stall(self._channel.close(1000 if how == "client" else 1001))
        except VanishedError:
            how = "vanished"
        except StreamError as error:
            how = error.code
            await self._tell(error)
        except Exception:
            how = "internal"
            logger.exception("a stream failed")
            await self._tell(internal_error())
        finally:
            self._measurements.ended.labels(how).inc()

    async def _tell(self, error: StreamError) -> None:
        """Send the client an error and close its connection, if it is still there."""
        try:
            await self._within_stall(self._channel.send(error_message(error)))
            await self._within_stall(self._channel.close(error.close_code))
        except (StreamError, VanishedError):
            logger.debug("a client was gone before its error")

    async def _serve(self) -> str:
        """Return how the stream ended."""
        seconds = self._limits.start_seconds
        try:
            async with asyncio.timeout(seconds):
                first = await self._channel.receive()
        except TimeoutError:
            raise StreamError("slow", f"expected a start message within {seconds:g} s, got none") from None
        if not isinstance(first, str):
            raise StreamError("malformed", "expected a start message in JSON before any sound, got bytes")
        config = self._scheduler.config
        request = parse_start(first, config)
        sound = IncomingSound(request, rate=config.audio.sample_rate)
        stream = self._scheduler.open(request)
        reading = asyncio.create_task(self._read(sound, stream))
        try:
            await self._within_stall(self._channel.send(ready_message(config)))
            num_frames = await self._write(request, stream)
            await self._within_stall(self._channel.send(end_message(num_frames, stream.end_reason)))
            return stream.end_reason
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            self._scheduler.close(stream)

    async def _read(self, sound: IncomingSound, stream: LiveStream) -> None:
        """Read sound until the client ends its stream or goes; what is wrong fails the stream."""
        seconds = self._limits.idle_seconds
        try:
            async with WaitLimit(seconds) as limit:
                while True:
                    message = await limit.within(self._channel.receive())
                    # Messages that have come already are read without a pause; other streams have their turn between.
                    await asyncio.sleep(0)
                    if not stream.sound.has_ended:
                        await self._take(message, sound, stream)
                    elif stream.end_reason == "client":
                        raise StreamError("malformed", "expected no message after the end of the stream, got one")
                    # Otherwise the server stops, and the client does not know it yet.
        except TimeoutError:
            if not stream.sound.has_ended:
                stream.fail(StreamError("idle", f"expected sound, got none for {seconds:g} s"))
        except (StreamError, VanishedError) as failure:
            stream.fail(failure)
        except Exception:
            logger.exception("reading a stream failed")
            stream.fail(internal_error())

    async def _take(self, message: str | bytes, sound: IncomingSound, stream: LiveStream) -> None:
        """Take one message: sound, or the end of it."""
        self._scheduler.notify()
        if isinstance(message, bytes):
            samples = sound.push(message)
            self._measurements.sound.inc(len(samples) / self._scheduler.config.audio.sample_rate)
            await stream.push(samples)
            return
        kind = parse_message(message)["type"]
        if kind != "end":
            raise StreamError("malformed", f"expected a message of the type end, got {kind[:60]!r}")
        await stream.push(sound.flush())
        stream.end("client")

    async def _write(self, request: StreamRequest, stream: LiveStream) -> int:
        """Send the frames of a stream until it has ended; return their number."""
        clock, fps = asyncio.get_running_loop().time, self._scheduler.config.fps
        num_frames, is_json = 0, request.frames == "json"
        with self._stalls_told():
            async with WaitLimit(self._limits.stall_seconds) as limit:
                while frames := await stream.next_frames():
                    # The client has room for more.
                    self._scheduler.notify()
                    for number, points, complete_at in frames:
                        message = json_frame(number, fps, points) if is_json else binary_frame(number, points)
                        await limit.within(self._channel.send(message))
                        self._measurements.lateness.observe(clock() - complete_at)
                        num_frames += 1
                    self._measurements.frames.inc(len(frames))
        return num_frames

    async def _within_stall(self, doing: Awaitable[None]) -> None:
        """Wait for a message to be taken by the client, or raise `StreamError`."""
        with self._stalls_told():
            async with asyncio.timeout(self._limits.stall_seconds):
                await doing

    @contextmanager
    def _stalls_told(self) -> Iterator[None]:
        """Raise `StreamError` for the `TimeoutError` of a client that takes nothing."""
        try:
            yield
        except TimeoutError:
            seconds = self._limits.stall_seconds
            raise StreamError(
                "slow", f"expected the client to take its frames, it took none for {seconds:g} s"
            ) from None
