"""The command `a2k web`."""

import signal
import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from a2k_nets.cli.console import clear_errors, on_device
from a2k_nets.cli.options import Device, Model, Revision, Sha256
from a2k_nets.extras import has_kp_render, how_to_install_kp_render


def web(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")] = 7860,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
    max_seconds: Annotated[float, typer.Option(min=0.1, help="Longest speech to accept, in seconds.")] = 60.0,
    root_path: Annotated[str, typer.Option(help="Path under which a proxy serves the page, e.g. /a2k.")] = "",
    page: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Folder of another web page to show at /live/.")
    ] = None,
    model: Model = None,
    revision: Revision = None,
    sha256: Sha256 = None,
    device: Device = "cpu",
) -> None:
    """Serve a web page that animates portraits, to this machine only (needs the extra `web`). Ctrl-C stops it."""
    with clear_errors(extra="web"):
        from a2k_nets.pretrained import load_model
        from a2k_nets.web.app import make_app
        from a2k_nets.web.limits import Limits
        from a2k_nets.web.server import address_of, listen, serve

        network = on_device(load_model(model, revision=revision, sha256=sha256), device).eval()
        # A signal stops the server as Ctrl-C does, so that the cleanup below runs.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        # The page writes only below this folder, which is removed with the server.
        with tempfile.TemporaryDirectory(prefix="a2k-web-") as folder, listen(host, port) as listener:
            app = make_app(
                network, Path(folder), limits=Limits(seconds=max_seconds), root_path=root_path, live_page=page
            )
            address = f"http://{address_of(host, listener)}{root_path}/"
            typer.echo(f"{address} (Ctrl-C stops it)")
            if not has_kp_render():
                typer.echo(f"for a portrait that speaks, install kp-render: {how_to_install_kp_render()}", err=True)
            if open_browser:
                webbrowser.open(address.replace("//0.0.0.0:", "//127.0.0.1:"))
            serve(app, listener)
