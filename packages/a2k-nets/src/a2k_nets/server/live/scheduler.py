"""The scheduler of live streams: which of them go through the network together, and when."""

import asyncio
import logging
import time

import torch

from a2k_nets.residual.model import Audio2Keypoint
from a2k_nets.server.batching.batched_streams import BatchedStreams
from a2k_nets.server.limits import ServerLimits
from a2k_nets.server.live.errors import StreamError, internal_error
from a2k_nets.server.live.live_stream import LiveStream
from a2k_nets.server.live.protocol import StreamRequest
from a2k_nets.server.measurements import Measurements

logger = logging.getLogger(__name__)

#: Seconds from one step to the next, in which sound of more streams arrives: a step of many takes little longer.
_GATHER_SECONDS = 0.007

#: Turns of the event loop in which a message gets from the socket to its stream: the server reads it, the connection's
#: task wakes, and gives the others their turn. A step that did not wait for that would leave sound that is there to the
#: next step, and on a busy machine every frame would be a step later.
_TURNS = 3

#: Frames of a stream in one step, so that one that catches up does not hold up the others.
_MAX_FRAMES = 8


class Scheduler:
    """Moves all streams on whose next frames are complete.

    It works in the server's event loop. A thread of its own would wait for the interpreter's lock at each of the many
    small operations of a step, which takes a few milliseconds altogether.

    Args:
        model: The network, in eval mode.
        limits: How many streams there may be, and how much may wait for each.
        measurements: Where steps are counted.
    """

    def __init__(self, model: Audio2Keypoint, limits: ServerLimits, measurements: Measurements) -> None:
        self._limits = limits
        self._measurements = measurements
        self._batch = BatchedStreams(model, capacity=limits.streams)
        self.config = self._batch.config
        self._mean_face = model.normalizer.mean_face_px.cpu()  # for clients without a face of their own
        self._streams: set[LiveStream] = set()
        self._has_work, self._is_empty = asyncio.Event(), asyncio.Event()
        self._is_empty.set()

    @property
    def is_full(self) -> bool:
        """Whether no further stream can be opened."""
        return not self._batch.num_free

    def open(self, request: StreamRequest) -> LiveStream:
        """Begin a stream.

        Raises:
            StreamError: The server has as many streams as it takes, or the model does not take the face or an option.
        """
        if self.is_full:
            raise StreamError("full", "the server has as many streams as it takes; try again later", close_code=1013)
        try:
            row = self._batch.open(self._mean_face if request.face is None else request.face, request.options)
        except ValueError as error:
            raise StreamError("malformed", str(error)) from None
        stream = LiveStream(row, self.config, self._limits)
        self._streams.add(stream)
        self._is_empty.clear()
        self._measurements.streams.set(len(self._streams))
        return stream

    def close(self, stream: LiveStream) -> None:
        """End a stream; its place is free."""
        self._streams.remove(stream)
        self._batch.close(stream.row)
        self._measurements.streams.set(len(self._streams))
        if not self._streams:
            self._is_empty.set()

    def notify(self) -> None:
        """Say that a stream may have frames to compute."""
        self._has_work.set()

    async def run(self) -> None:
        """Compute frames until cancelled."""
        clock = asyncio.get_running_loop().time
        next_step = clock()
        while True:
            await self._has_work.wait()
            await asyncio.sleep(max(0.0, next_step - clock()))
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            next_step = clock() + _GATHER_SECONDS
            self._has_work.clear()
            streams = [stream for stream in self._streams if stream.num_wanted]
            if streams:
                self._step(streams)
                self._has_work.set()

    async def finish(self, *, seconds: float) -> None:
        """End all streams after the frames of the sound that has arrived, and wait for that, at most so long."""
        for stream in self._streams:
            stream.end("server_stop")
        self.notify()
        try:
            await asyncio.wait_for(self._is_empty.wait(), seconds)
        except TimeoutError:
            logger.warning("%d streams were cut off: their clients took no frames", len(self._streams))

    def _step(self, streams: list[LiveStream]) -> None:
        begin = time.perf_counter()
        frames = min(_MAX_FRAMES, *(stream.num_wanted for stream in streams))
        try:
            rows = [stream.row for stream in streams]
            keypoints = self._batch.step(rows, [stream.sound.take(frames) for stream in streams]).numpy()
        except (RuntimeError, ValueError, IndexError, torch.OutOfMemoryError):
            logger.exception("a step of %d streams failed; they are closed", len(streams))
            for stream in streams:
                stream.fail(internal_error())
            return
        for stream, points in zip(streams, keypoints, strict=True):
            stream.deliver(points)
        self._measurements.step_streams.observe(len(streams))
        self._measurements.step_seconds.observe(time.perf_counter() - begin)
