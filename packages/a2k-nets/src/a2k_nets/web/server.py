"""The server of ASGI applications (uvicorn)."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

#: How long the stopping server waits for open pages, which keep a connection.
_GRACE_SECONDS = 1

#: Connections beyond the limit that are still told so; further ones are dropped.
_TOLD_CONNECTIONS = 32

#: Bytes that are read of a connection at a time. Tiny WebSocket frames cost a few microseconds each, and while one
#: connection's are parsed, all others wait.
_READ_BYTES = 1 << 14

#: Bytes that may wait for the client of a WebSocket, where answers to its pings come without its taking them.
_MAX_UNREAD_BYTES = 1 << 20

#: Pings and continued fragments that a client may send in a second. Clients ping every few seconds.
_MAX_EXTRA_FRAMES = 200


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
    head_seconds: float = 10.0,
    stall_seconds: float = 20.0,
    max_connections: int = 512,
    **options: Any,
) -> None:
    """Serve an ASGI application on a listening socket until a signal stops it; the signal is then raised again.

    Args:
        app: The application.
        listener: The socket.
        before_stop: Awaited after the signal, while clients are still served.
        head_seconds: Time for a connection to send the head of its first or next request, and for one that is being
            closed to take what it was sent; then it is dropped.
        stall_seconds: Time in which the client of an HTTP answer takes nothing; then it is dropped.
        max_connections: Open connections at a time; further ones are answered with status 503, or dropped.
        options: Settings of uvicorn.
    """
    import uvicorn

    class Server(uvicorn.Server):  # type: ignore[misc]  # no types
        """Watches its connections, and waits before it stops."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            self._watch = asyncio.create_task(_drop_idle(self.server_state.connections, head_seconds))

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            if before_stop is not None:
                await before_stop()
            await super().shutdown(sockets=sockets)

    _allow_open_files(max_connections + _TOLD_CONNECTIONS)
    http, websocket = _protocols(max_connections, stall_seconds)
    settings = {
        "timeout_graceful_shutdown": _GRACE_SECONDS,
        "limit_concurrency": max_connections,
        "http": http,
        "ws": websocket,
        # Warnings of uvicorn's are of what clients do; they could fill the log.
        "log_level": "error",
        "server_header": False,
    }
    logging.getLogger("uvicorn.error").addFilter(_is_no_fault_of_a_client)
    # The reader of forms, likewise.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    Server(uvicorn.Config(app, **settings | options)).run(sockets=[listener])


def _is_no_fault_of_a_client(record: logging.LogRecord) -> bool:
    """Return whether uvicorn logs an error of the application's, and not a client that was refused or sent no text."""
    return not any(part in str(record.msg) for part in ("without completing handshake", "Invalid UTF-8"))


def _protocols(max_connections: int, stall_seconds: float) -> tuple[Any, Any]:
    """Return uvicorn's protocols for HTTP and for WebSockets, which no client can hold or fill."""
    from uvicorn.protocols.http.h11_impl import H11Protocol
    from uvicorn.protocols.websockets.auto import AutoWebSocketsProtocol

    class Http(H11Protocol):  # type: ignore[misc]  # no types
        """Drops connections that are too many, and clients that do not take their answers."""

        _stall: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            with contextlib.suppress(AttributeError):  # asyncio's own; other event loops have none
                transport.max_size = _READ_BYTES
            if len(self.connections) > max_connections + _TOLD_CONNECTIONS:
                transport.abort()

        def connection_lost(self, error: Exception | None) -> None:
            self._end_stall()
            super().connection_lost(error)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._stall = self.loop.call_later(stall_seconds, self.transport.abort)

        def resume_writing(self) -> None:
            self._end_stall()
            super().resume_writing()

        def _end_stall(self) -> None:
            if self._stall is not None:
                self._stall.cancel()

    if AutoWebSocketsProtocol is None:
        return Http, "none"

    class WebSocket(AutoWebSocketsProtocol):  # type: ignore[misc]  # no types
        """Drops clients that send much without a message in it, or do not take the answers to that."""

        _second, _num_extra = 0.0, 0

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.transport.get_write_buffer_size() > _MAX_UNREAD_BYTES:
                self.transport.abort()

        def handle_ping(self, *event: Any) -> None:
            self._count_extra_frame()
            super().handle_ping(*event)

        def handle_pong(self, *event: Any) -> None:
            self._count_extra_frame()
            super().handle_pong(*event)

        def handle_cont(self, *event: Any) -> None:
            self._count_extra_frame()
            super().handle_cont(*event)

        def _count_extra_frame(self) -> None:
            if self.loop.time() > self._second + 1:
                self._second, self._num_extra = self.loop.time(), 0
            self._num_extra += 1
            if self._num_extra > _MAX_EXTRA_FRAMES:
                self.transport.abort()

    return Http, WebSocket


def _allow_open_files(connections: int) -> None:
    """Raise the number of files that the process may have open, if it is too low for so many connections."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows, which has no such limit
        return
    needed = connections + 256  # for what else the process opens
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != soft < needed:
        most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


async def _drop_idle(connections: set[Any], seconds: float) -> None:
    """Drop connections that bring no request, or take nothing while they are closed, after some seconds."""
    waiting_since: dict[Any, tuple[Any, float]] = {}
    clock = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(seconds / 4)
        # The last request of each connection that waits: after another one, the time begins anew.
        waiting = {connection: _last_request(connection) for connection in connections if _is_waiting(connection)}
        waiting_since = {
            connection: (request, since)
            for connection, request in waiting.items()
            for before, since in [waiting_since.get(connection, (request, clock()))]
            if before is request
        }
        for connection, (_, since) in waiting_since.items():
            if clock() - since > seconds:
                connection.transport.abort()


def _last_request(connection: Any) -> Any:
    """Return what uvicorn has of the last request of a connection by HTTP."""
    return getattr(connection, "cycle", None)


def _is_waiting(connection: Any) -> bool:
    """Return whether a connection is being closed, or it is the client's turn to send a request."""
    if connection.transport.is_closing():
        return True
    if request := _last_request(connection):
        return bool(request.response_complete)
    # A WebSocket has a `scope` as soon as its head is there.
    return getattr(connection, "scope", None) is None
