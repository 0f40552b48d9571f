"""The server as an ASGI application (Starlette): its paths, who may use them, and its beginning and end."""

import asyncio
import contextlib
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import IO, Any

from a2k_nets.extras import how_to_install
from a2k_nets.server.admission import Admission, Refusal
from a2k_nets.server.files.errors import RequestError
from a2k_nets.server.files.fields import parse_fields
from a2k_nets.server.files.worker import FileWorker
from a2k_nets.server.limits import ServerLimits
from a2k_nets.server.live.connection import StreamConnection
from a2k_nets.server.live.errors import VanishedError
from a2k_nets.server.live.protocol import SUBPROTOCOL
from a2k_nets.server.live.scheduler import Scheduler
from a2k_nets.server.measurements import Measurements
from a2k_nets.web.security import secure, without_hidden_files

#: Fields of a form beside its files, and their size.
_MAX_FIELDS, _FIELD_BYTES = 16, 1 << 12

#: What browsers allow a page that is shown: its own server's files, and WebAssembly.
_CONTENT_POLICY = (
    "default-src 'self' data: blob: 'unsafe-inline' 'wasm-unsafe-eval'; object-src 'none'; form-action 'self'; "
    "base-uri 'self'; frame-ancestors 'self'"
)

#: The end of a file's name that is kept, for readers that look at it.
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}$")


class ServerApp:
    """The application and what it consists of.

    Args:
        scheduler: Computes the live streams.
        worker: Works on file requests.
        admission: Who may use the server.
        limits: The limits of clients.
        measurements: What `/metrics` shows.
        page: Folder of a page to show at `/`, such as `examples/browser`; anybody who reaches the server may read it.

    Attributes:
        asgi: The ASGI application.

    Raises:
        ModuleNotFoundError: Starlette is not installed.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        worker: FileWorker,
        *,
        admission: Admission,
        limits: ServerLimits,
        measurements: Measurements,
        page: Path | None = None,
    ) -> None:
        try:
            from starlette.applications import Starlette
            from starlette.middleware import Middleware
            from starlette.middleware.cors import CORSMiddleware
            from starlette.routing import Mount, Route, WebSocketRoute
            from starlette.staticfiles import StaticFiles
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(f"the server needs Starlette: {how_to_install('serve')}") from error
        self._scheduler, self._worker, self._admission = scheduler, worker, admission
        self._limits, self._measurements = limits, measurements
        self._is_stopping = False
        self._num_uploads = 0
        self.asgi = Starlette(
            routes=[
                Route("/healthz", self._health),
                Route("/metrics", self._metrics),
                Route("/v1/face", self._face, methods=["POST"]),
                Route("/v1/generate", self._generate, methods=["POST"]),
                WebSocketRoute("/v1/stream", self._stream),
                *([] if page is None else [Mount("/", without_hidden_files(StaticFiles(directory=page, html=True)))]),
            ],
            middleware=[
                Middleware(secure, content_policy=_CONTENT_POLICY),
                Middleware(
                    CORSMiddleware,
                    allow_origins=list(admission.origins),
                    allow_methods=["GET", "POST"],
                    allow_headers=["Authorization"],
                ),
            ],
            lifespan=self._lifespan,
        )

    async def finish(self, seconds: float) -> None:
        """Refuse new streams and requests, and complete within some seconds what has arrived."""
        self._is_stopping = True
        await asyncio.gather(self._scheduler.finish(seconds=seconds), self._worker.finish(seconds))

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Any) -> AsyncIterator[None]:
        computing = asyncio.create_task(self._scheduler.run())
        try:
            yield
        finally:
            computing.cancel()
            await asyncio.gather(computing, return_exceptions=True)
            await asyncio.to_thread(self._worker.stop)

    def _refusal(self, request: Any, *, is_full: bool = False) -> Refusal | None:
        refusal = self._admission.refusal(request.headers, subprotocols=request.scope.get("subprotocols", ()))
        if refusal is None and self._is_stopping:
            refusal = Refusal(503, "stopping", "the server stops")
        if refusal is None and is_full:
            refusal = Refusal(503, "full", "the server has as much to do as it takes; try again later")
        if refusal is not None:
            self._measurements.refused.labels(refusal.code).inc()
        return refusal

    async def _health(self, request: Any) -> Any:
        from starlette.responses import PlainTextResponse

        return PlainTextResponse("stopping" if self._is_stopping else "ok", 503 if self._is_stopping else 200)

    async def _metrics(self, request: Any) -> Any:
        from starlette.responses import Response

        if refusal := self._refusal(request):
            return _error_response(*refusal)
        return Response(self._measurements.text(), headers={"Content-Type": self._measurements.content_type})

    async def _stream(self, websocket: Any) -> None:
        if refusal := self._refusal(websocket, is_full=self._scheduler.is_full):
            await websocket.send_denial_response(_error_response(*refusal))
            return
        offered = websocket.scope.get("subprotocols", ())
        await websocket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
        await StreamConnection(
            _StarletteChannel(websocket), self._scheduler, limits=self._limits, measurements=self._measurements
        ).serve()

    async def _face(self, request: Any) -> Any:
        return await self._with_files(request, "portrait")

    async def _generate(self, request: Any) -> Any:
        return await self._with_files(request, "portrait", "speech")

    async def _with_files(self, request: Any, *names: str) -> Any:
        """Answer a request that brings files."""
        is_full = self._worker.is_full or self._num_uploads >= self._limits.uploads
        if refusal := self._refusal(request, is_full=is_full):
            return _error_response(*refusal)
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="a2k-serve-"))
        try:
            response = await self._answer(request, folder, names)
        except RequestError as error:
            response = _error_response(error.status, error.code, error.message)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        self._measurements.requests.labels(request.scope["path"], response.status_code).inc()
        return response

    async def _answer(self, request: Any, folder: Path, names: tuple[str, ...]) -> Any:
        from starlette.responses import Response

        from a2k_nets.server.files.jobs import FORMS, FileRequest

        self._num_uploads += 1
        try:
            files, fields = await self._read_form(request, folder, names)
        finally:
            self._num_uploads -= 1
        form, options = parse_fields(fields, forms=FORMS)
        job = FileRequest(folder, files["portrait"], files.get("speech"), form=form, options=options)
        path = await _unless_gone(self._worker.run(job), request.receive)
        mime_type = FORMS[form][1] if "speech" in files else "application/json"
        headers = {"Content-Disposition": f'attachment; filename="{path.name}"'}
        return Response(await asyncio.to_thread(path.read_bytes), media_type=mime_type, headers=headers)

    async def _read_form(
        self, request: Any, folder: Path, names: tuple[str, ...]
    ) -> tuple[dict[str, Path], dict[str, str]]:
        """Store the files of a form in a folder; return their paths and the other fields."""
        from starlette.exceptions import HTTPException
        from starlette.requests import ClientDisconnect, Request

        limited = Request(request.scope, _limit_body(request.receive, self._limits.body_bytes))
        limits = {"max_files": len(names), "max_fields": _MAX_FIELDS, "max_part_size": _FIELD_BYTES}
        files, fields = {}, {}
        try:
            async with asyncio.timeout(self._limits.start_seconds), limited.form(**limits) as form:
                for name, value in form.multi_items():
                    if isinstance(value, str):
                        fields[name] = value
                    elif name in names:
                        suffix = _SUFFIX.search(value.filename or "")
                        files[name] = folder / f"{name}{suffix[0].lower() if suffix else ''}"
                        await asyncio.to_thread(_store, value.file, files[name])
        except TimeoutError:
            raise RequestError(408, "slow", f"expected the body within {self._limits.start_seconds:g} s") from None
        except ClientDisconnect:
            raise RequestError(400, "vanished", "the client has gone") from None
        except HTTPException as error:
            raise RequestError(400, "malformed", f"expected a form (multipart/form-data): {error.detail}") from None
        if missing := [name for name in names if name not in files]:
            raise RequestError(
                422, "input", f"expected a form with the files {' and '.join(names)}, got no {missing[0]}"
            )
        return files, fields


class _StarletteChannel:
    """A WebSocket of Starlette as the `Channel` of a connection."""

    def __init__(self, websocket: Any) -> None:
        self._websocket = websocket

    async def receive(self) -> str | bytes:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise VanishedError
        text: str | None = message.get("text")
        return bytes(message["bytes"]) if text is None else text

    async def send(self, message: str | bytes) -> None:
        from starlette.websockets import WebSocketDisconnect

        try:
            if isinstance(message, str):
                await self._websocket.send_text(message)
            else:
                await self._websocket.send_bytes(message)
        except (WebSocketDisconnect, RuntimeError):  # Starlette raises the latter after a disconnection it has read
            raise VanishedError from None

    async def close(self, code: int) -> None:
        from starlette.websockets import WebSocketDisconnect

        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await self._websocket.close(code)


def _limit_body(receive: Callable[[], Awaitable[Any]], max_bytes: int) -> Callable[[], Awaitable[Any]]:
    """Return a function like `receive`, which raises `RequestError` for a body that is larger."""
    total = 0

    async def receive_counted() -> Any:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > max_bytes:
            raise RequestError(413, "too_large", f"expected a body of at most {max_bytes / 1e6:.1f} MB, got more")
        return message

    return receive_counted


async def _unless_gone(work: Coroutine[Any, Any, Path], receive: Callable[[], Awaitable[Any]]) -> Path:
    """Return the result of work, which is given up where the client goes meanwhile."""

    async def leave() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.create_task(work), asyncio.create_task(leave())
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise RequestError(400, "vanished", "the client has gone")
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


def _store(source: IO[bytes], path: Path) -> None:
    with path.open("wb") as file:
        shutil.copyfileobj(source, file)


def _error_response(status: int, code: str, message: str) -> Any:
    from starlette.responses import Response

    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {"Retry-After": "5"} if status == 503 else {}
    body = json.dumps({"error": {"code": code, "message": message}})
    return Response(body, status, headers=headers, media_type="application/json")
