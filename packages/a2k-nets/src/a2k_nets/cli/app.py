"""The command line of the model: `a2k generate`, `a2k stream`, `a2k sync`, `a2k export`, `a2k web`."""

import typer

from a2k_nets.cli.export import export
from a2k_nets.cli.generate import generate
from a2k_nets.cli.options import current_spelling
from a2k_nets.cli.stream import stream
from a2k_nets.cli.sync import sync
from a2k_nets.cli.web import web

app = typer.Typer(
    help="Generate facial keypoints from speech.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"token_normalize_func": current_spelling},
)
for command in (generate, stream, sync, export, web):
    app.command()(command)
