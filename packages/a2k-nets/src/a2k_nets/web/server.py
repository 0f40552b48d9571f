"""The server of the web page (uvicorn)."""

import socket
from typing import Any

#: How long the stopping server waits for open pages, which keep a connection.
_GRACE_SECONDS = 1


def serve(app: Any, listener: socket.socket) -> None:
    """Serve an ASGI application on a listening socket until a signal stops it; the signal is then raised again."""
    import uvicorn

    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=_GRACE_SECONDS)
    uvicorn.Server(config).run(sockets=[listener])
