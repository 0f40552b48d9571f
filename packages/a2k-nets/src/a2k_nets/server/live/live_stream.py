"""One live stream between its connection and the scheduler: sound that waits, and frames that wait."""

import asyncio
from collections import deque

import numpy as np
from jaxtyping import Float

from a2k_nets.config.residual import ModelConfig
from a2k_nets.server.batching.sample_buffer import SampleBuffer
from a2k_nets.server.limits import ServerLimits
from a2k_nets.server.live.errors import StreamError, VanishedError


class LiveStream:
    """The queues of one stream, both bounded.

    A client that sends faster than the network computes waits in `push`. Of a client that takes its frames too slowly,
    no more are computed, so that it waits too. No frame is lost.

    Attributes:
        row: Its row in `BatchedStreams`.
        sound: Its samples.
        end_reason: Why it ended: `client`, or `server_stop`.
    """

    def __init__(self, row: int, config: ModelConfig, limits: ServerLimits) -> None:
        self.row = row
        self.sound = SampleBuffer(config)
        self.end_reason = "client"
        self._limits = limits
        self._frames: deque[tuple[int, Float[np.ndarray, "k 2"], float]] = deque()
        self._num_seconds = 0.0
        self._rate = config.audio.sample_rate
        self._complete_at: deque[float] = deque()
        self._has_news, self._has_room = asyncio.Event(), asyncio.Event()
        self._failure: StreamError | VanishedError | None = None

    @property
    def num_wanted(self) -> int:
        """Frames that can be computed and that the client has room for."""
        if self._failure:
            return 0
        return min(self.sound.num_ready, self._limits.waiting_frames - len(self._frames))

    async def push(self, samples: Float[np.ndarray, " s"]) -> None:
        """Add sound, and wait while too much of it is ahead of the network.

        Raises:
            StreamError: The stream is longer than the limit.
        """
        self._num_seconds += len(samples) / self._rate
        if self._num_seconds > self._limits.stream_seconds:
            raise StreamError("too_long", f"expected at most {self._limits.stream_seconds:g} s of sound a stream")
        self.sound.push(samples)
        self._note_complete_frames()
        while self.sound.seconds_ahead > self._limits.ahead_seconds:
            self._has_room.clear()
            await self._has_room.wait()

    def end(self, reason: str) -> None:
        """Say that no more sound comes; the remaining frames follow."""
        if not self.sound.has_ended:
            self.end_reason = reason
            self.sound.end()
            self._note_complete_frames()
            self._has_news.set()

    def fail(self, failure: StreamError | VanishedError) -> None:
        """End the stream at once: `next_frames` raises the failure."""
        self._failure = self._failure or failure
        self._has_news.set()
        self._has_room.set()

    def deliver(self, keypoints: Float[np.ndarray, "t k 2"]) -> None:
        """Add the next frames for the client, which the scheduler has computed."""
        if not np.isfinite(keypoints).all():
            self.fail(StreamError("face", "the face leads to points without a place; give another one"))
            return
        first = self.sound.num_taken - len(keypoints)
        for frame, points in enumerate(keypoints, first):
            self._frames.append((frame, points, self._complete_at.popleft()))
        self._has_news.set()
        self._has_room.set()

    async def next_frames(self) -> list[tuple[int, Float[np.ndarray, "k 2"], float]]:
        """Wait for frames; return their numbers, points and the times when their sound was complete.

        Returns:
            At least one frame; none when the stream has ended.

        Raises:
            StreamError, VanishedError: The stream has failed.
        """
        while True:
            if self._failure:
                raise self._failure
            if self._frames:
                frames = list(self._frames)
                self._frames.clear()
                return frames
            if self.sound.has_ended and not self.sound.num_ready:
                return []
            self._has_news.clear()
            await self._has_news.wait()

    def _note_complete_frames(self) -> None:
        now = asyncio.get_running_loop().time()
        self._complete_at.extend([now] * (self.sound.num_ready - len(self._complete_at)))
