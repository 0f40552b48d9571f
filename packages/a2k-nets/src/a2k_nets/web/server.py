"""The web page as a running server (uvicorn)."""

import socket
from typing import Any

#: Open pages keep a connection; so long the server waits for them when it ends.
_GRACE_SECONDS = 1


def serve(app: Any, listener: socket.socket) -> None:
    """Serve an ASGI application at a listening socket until a signal ends it, which is raised once more then."""
    import uvicorn

    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=_GRACE_SECONDS)
    uvicorn.Server(config).run(sockets=[listener])
