"""The command `a2k web`."""

import signal
import socket
import tempfile
import webbrowser
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer


def web(
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes a free one.")] = 7860,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
    max_seconds: Annotated[float, typer.Option(min=0.1, help="Longest speech that is taken.")] = 60.0,
    root_path: Annotated[str, typer.Option(help="Path under which a proxy serves the page, e.g. /a2k.")] = "",
    model: Annotated[Path | None, typer.Option(help="Checkpoint.", show_default="the embedded one")] = None,
) -> None:
    """Serve a page where a portrait speaks, to this machine alone (needs the extra `web`). Ctrl-C ends it."""
    if find_spec("kp_io") is None:
        typer.secho('error: the command needs kp-io: `pip install "a2k-nets[web]"`', err=True, fg=typer.colors.RED)
        raise typer.Exit(1)
    try:
        from a2k_nets.pretrained import load_model
        from a2k_nets.web.app import make_app
        from a2k_nets.web.limits import Limits
        from a2k_nets.web.server import serve

        network = load_model(model).eval()
        # Whoever stops the server by a signal ends it as Ctrl-C does, and nothing is left behind.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        # Everything that the page writes is below this folder, which goes when the page does.
        with tempfile.TemporaryDirectory(prefix="a2k-web-") as folder, _listening(host, port) as listener:
            app = make_app(network, Path(folder), limits=Limits(seconds=max_seconds), root_path=root_path)
            address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}{root_path}/"
            typer.echo(f"{address} (Ctrl-C ends it)")
            if open_browser:
                webbrowser.open(address.replace("//0.0.0.0:", "//127.0.0.1:"))
            serve(app, listener)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        typer.secho(f"error: {' '.join(str(error).split())}", err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that already listens, so that a browser that comes early waits."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=64)
    except OSError as error:
        reason = error.strerror or str(error)
        raise type(error)(f"cannot listen at {host}, port {port}: {reason}; choose another --port or --host") from error
