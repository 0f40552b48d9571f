"""What ends a live stream before its time."""


class StreamError(Exception):
    """An error that the client is told before its stream is closed.

    Attributes:
        code: A word for programs.
        message: A sentence for people.
        close_code: The WebSocket's close code.
    """

    def __init__(self, code: str, message: str, *, close_code: int = 1008) -> None:
        super().__init__(message)
        self.code, self.message, self.close_code = code, message, close_code


class VanishedError(Exception):
    """The client has closed its connection."""


def internal_error() -> StreamError:
    """Return what a client is told of a fault of ours."""
    return StreamError("internal", "internal error; the server's log has it", close_code=1011)
