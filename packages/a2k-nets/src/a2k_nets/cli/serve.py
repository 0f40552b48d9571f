"""The command `a2k serve`."""

import gc
import os
import secrets
import signal
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from a2k_nets.cli.console import clear_errors, on_device
from a2k_nets.cli.options import Device, Model, Revision, Sha256


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")] = 8765,
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with the token that clients must send.", show_default="A2K_TOKEN of the environment"),
    ] = None,
    origin: Annotated[
        list[str] | None, typer.Option(help="Admit web pages of this origin, such as https://example.org; repeatable.")
    ] = None,
    max_streams: Annotated[int, typer.Option(min=1, help="Live streams at a time.")] = 64,
    max_seconds: Annotated[float, typer.Option(min=0.1, help="Longest sound of one live stream, in seconds.")] = 3600.0,
    grace: Annotated[float, typer.Option(min=0.0, help="Seconds that live streams get to end when it stops.")] = 10.0,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the network; one serves 50 streams.")] = 1,
    page: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Folder of a web page to show at /.")
    ] = None,
    model: Model = None,
    revision: Revision = None,
    sha256: Sha256 = None,
    device: Device = "cpu",
) -> None:
    """Serve live keypoints over WebSockets, and files over HTTP (needs the extra `serve`). Ctrl-C stops it.

    Other machines are let in by --host, and need a token: that of --token-file or A2K_TOKEN, or one that is printed.
    """
    with clear_errors(extra="serve"):
        import torch

        from a2k_nets.residual.model import Audio2Keypoint
        from a2k_nets.server.admission import Admission, is_loopback
        from a2k_nets.server.files.worker import FileWorker
        from a2k_nets.server.limits import ServerLimits
        from a2k_nets.server.live.scheduler import Scheduler
        from a2k_nets.server.measurements import Measurements
        from a2k_nets.web.server import address_of, listen, serve

        measurements, limits = Measurements(), ServerLimits(streams=max_streams, stream_seconds=max_seconds)
        limits = replace(limits, connections=limits.connections + max_streams)
        is_local = is_loopback(host)
        token = _read_token(token_file)
        is_made = not token and not is_local
        admission = Admission(
            token=secrets.token_urlsafe(24) if is_made else token, origins=tuple(origin or ()), is_local=is_local
        )

        from a2k_nets.server.app import ServerApp
        from a2k_nets.server.files.jobs import start_worker

        torch.set_num_threads(threads)
        network = on_device(Audio2Keypoint.from_pretrained(model, revision=revision, sha256=sha256), device).eval()
        server = ServerApp(
            Scheduler(network, limits, measurements),
            FileWorker(limits, start_worker, model, revision, sha256),
            admission=admission,
            limits=limits,
            measurements=measurements,
            page=page,
        )
        # A full collection of garbage looks at all that was imported, a tenth of a second in which every stream waits.
        gc.freeze()
        # After a graceful stop, SIGTERM is no error; Ctrl-C has the exit code 130.
        signal.signal(signal.SIGTERM, lambda *_: None)
        with listen(host, port) as listener:
            address = address_of(host, listener)
            typer.echo(f"ws://{address}/v1/stream and http://{address}/v1/generate (Ctrl-C stops it)")
            if is_made:
                typer.echo(f"token: {admission.token}")
            serve(
                server.asgi,
                listener,
                before_stop=lambda: server.finish(grace),
                head_seconds=limits.start_seconds,
                stall_seconds=limits.stall_seconds,
                max_connections=limits.connections,
                # Idle and stalled clients are closed by the application, which sees more than a missing pong.
                ws_ping_interval=None,
                ws_max_size=limits.message_bytes,
                ws_per_message_deflate=False,
            )


def _read_token(token_file: Path | None) -> str:
    """Return the token of the file or the environment, or nothing."""
    if token_file is None:
        return os.environ.get("A2K_TOKEN", "")
    token = token_file.read_text(encoding="utf-8").strip()
    if not token:
        raise ValueError(f"expected a token in {token_file}, which is empty")
    return token
