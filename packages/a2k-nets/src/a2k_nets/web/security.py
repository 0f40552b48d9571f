"""What every answer of a server says to browsers, and what none answers: pure ASGI."""

from collections.abc import Awaitable, Callable
from typing import Any

_Receive = Callable[[], Awaitable[Any]]
_Send = Callable[[Any], Awaitable[None]]
_App = Callable[[Any, _Receive, _Send], Awaitable[None]]


def secure(app: _App, *, content_policy: str) -> _App:
    """Return an application whose answers over HTTP have headers that restrict browsers.

    A request that says its length twice, by `Content-Length` and `Transfer-Encoding`, is refused: a proxy in front may
    understand it otherwise, and take its rest for another one's request.

    Args:
        app: The application.
        content_policy: The value of `Content-Security-Policy`.
    """
    headers = [
        (b"content-security-policy", content_policy.encode()),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
    ]

    async def secured(scope: Any, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def send_secured(message: Any) -> None:
            if message["type"] == "http.response.start":
                given = [pair for pair in message.get("headers", ()) if pair[0].lower() not in dict(headers)]
                message = {**message, "headers": [*given, *headers]}
            await send(message)

        if {name for name, _ in scope["headers"]} >= {b"content-length", b"transfer-encoding"}:
            await _answer(send_secured, 400, b"expected Content-Length or Transfer-Encoding, got both")
        else:
            await app(scope, receive, send_secured)

    return secured


def without_hidden_files(app: _App) -> _App:
    """Return an application that knows no paths of hidden files, such as `.git` and `.env` beside a page."""

    async def guarded(scope: Any, receive: _Receive, send: _Send) -> None:
        if scope["type"] == "http" and any(part.startswith(".") for part in scope["path"].split("/")):
            await _answer(send, 404, b"Not Found")
        else:
            await app(scope, receive, send)

    return guarded


async def _answer(send: _Send, status: int, text: bytes) -> None:
    """Send a short text, and close the connection."""
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(text)),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})
