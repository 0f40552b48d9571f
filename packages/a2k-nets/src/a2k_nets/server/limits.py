"""Limits of the server: how much one client may take, and how many there may be."""

from dataclasses import dataclass, field

from a2k_nets.web.limits import Limits as FileLimits


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """The limits of `a2k serve`.

    Attributes:
        streams: Live streams at a time; the next one is refused.
        stream_seconds: Sound of one stream.
        message_bytes: Size of one message of a client.
        start_seconds: Time for a client's request: the first message of a stream, the head or the body of HTTP.
        idle_seconds: Time without a message, after which a stream is closed.
        stall_seconds: Time in which a client takes no frame that is sent, after which its stream is closed.
        ahead_seconds: Sound that waits for the network; beyond it, the client's next message is not read.
        waiting_frames: Frames that wait for the client; beyond it, its frames are not computed.
        connections: Open connections and requests at a time, streams included; beyond it, HTTP answers 503.
        uploads: Requests for files that are being received at a time; beyond it, HTTP answers 503.
        file_requests: Requests for files at a time that are received, of which one is computed; beyond it, HTTP
            answers 503.
        file_seconds: Time for the computation of one file request, the queue included.
        files: Sizes of portraits and speech in file requests.
    """

    streams: int = 64
    stream_seconds: float = 3_600
    message_bytes: int = 1 << 18
    start_seconds: float = 10
    idle_seconds: float = 60
    stall_seconds: float = 20
    ahead_seconds: float = 10
    waiting_frames: int = 125
    connections: int = 512
    uploads: int = 16
    file_requests: int = 8
    file_seconds: float = 120
    files: FileLimits = field(default_factory=FileLimits)

    def __post_init__(self) -> None:
        numbers = {name: getattr(self, name) for name in self.__slots__ if name != "files"}
        for name, value in numbers.items():
            if not value > 0:
                raise ValueError(f"expected a positive limit {name}, got {value}")

    @property
    def body_bytes(self) -> int:
        """Size of the body of an HTTP request: a portrait, speech and a few fields."""
        return round(1e6 * (self.files.picture_megabytes + self.files.sound_megabytes)) + (1 << 16)
