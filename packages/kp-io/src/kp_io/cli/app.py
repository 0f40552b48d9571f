"""The command `kp-io`: registers its subcommands, which import everything else when they run, so that help is quick."""

from typing import Annotated

import typer

from kp_io.cli.annotate import annotate
from kp_io.cli.build import build
from kp_io.cli.console import show_version
from kp_io.cli.convert import compare_video, convert
from kp_io.cli.info import info
from kp_io.cli.render import render

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Facial keypoints in and out of files, videos and pictures.",
)


@app.callback()
def show(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Facial keypoints in and out of files, videos and pictures."""


for command in (annotate, info, render, compare_video, convert, build):
    app.command()(command)
