"""The command line of the model, `a2k`: a command in each module beside this one."""

from typing import Annotated

import typer

from a2k_nets.cli.console import show_version
from a2k_nets.cli.export import export
from a2k_nets.cli.generate import generate
from a2k_nets.cli.models import models
from a2k_nets.cli.options import current_spelling
from a2k_nets.cli.serve import serve
from a2k_nets.cli.stream import stream
from a2k_nets.cli.sync import sync
from a2k_nets.cli.web import web

app = typer.Typer(
    help="Generate facial keypoints from speech.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"token_normalize_func": current_spelling},
)


@app.callback()
def show(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Generate facial keypoints from speech."""


for command in (generate, web, stream, serve, sync, export, models):
    app.command()(command)
