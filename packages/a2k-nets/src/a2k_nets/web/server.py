"""The server of ASGI applications (uvicorn)."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

#: How long the stopping server waits for open pages, which keep a connection.
_GRACE_SECONDS = 1


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, so that a client that connects before the server is ready waits.

    Raises:
        OSError: The address or the port cannot be used.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        reason = error.strerror or str(error)
        raise type(error)(f"cannot listen on {host}, port {port}: {reason}; choose another --port or --host") from error
    # Connections inherit it. A small message would else wait until the one before it is acknowledged (Nagle); asyncio
    # does this only for sockets whose protocol is given by number.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def address_of(host: str, listener: socket.socket) -> str:
    """Return host and port of a listening socket as a URL takes them.

    Example:
        >>> with listen("127.0.0.1", 0) as listener:
        ...     address_of("::1", listener).startswith("[::1]:")
        True
    """
    return f"{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def serve(
    app: Any,
    listener: socket.socket,
    *,
    before_stop: Callable[[], Awaitable[None]] | None = None,
    head_seconds: float | None = None,
    **options: Any,
) -> None:
    """Serve an ASGI application on a listening socket until a signal stops it; the signal is then raised again.

    Args:
        app: The application.
        listener: The socket.
        before_stop: Awaited after the signal, while clients are still served.
        head_seconds: Time for a new connection to send the head of its first request, and for one that is being
            closed to take what it was sent; then it is dropped. Without it, there is no limit.
        options: Settings of uvicorn.
    """
    import uvicorn

    class Server(uvicorn.Server):  # type: ignore[misc]  # no types
        """Watches its connections, and waits before it stops."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            if head_seconds is not None:
                self._watch = asyncio.create_task(_drop_idle(self.server_state.connections, head_seconds))

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            if before_stop is not None:
                await before_stop()
            await super().shutdown(sockets=sockets)

    config = uvicorn.Config(app, log_level="warning", **{"timeout_graceful_shutdown": _GRACE_SECONDS} | options)
    # What uvicorn says of every WebSocket that is refused with a status of HTTP.
    logging.getLogger("uvicorn.error").addFilter(lambda record: "without completing handshake" not in str(record.msg))
    Server(config).run(sockets=[listener])


async def _drop_idle(connections: set[Any], seconds: float) -> None:
    """Drop connections that bring no request, or take nothing while they are closed, after some seconds."""
    waiting_since: dict[Any, float] = {}
    clock = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(seconds / 4)
        # Uvicorn has a `cycle` or a task for each request of HTTP, and a `scope` for a WebSocket.
        idle = {
            connection
            for connection in connections
            if connection.transport.is_closing()
            or (getattr(connection, "cycle", None) is None and getattr(connection, "scope", None) is None)
        }
        waiting_since = {connection: waiting_since.get(connection, clock()) for connection in idle}
        for connection, since in waiting_since.items():
            if clock() - since > seconds:
                connection.transport.abort()
