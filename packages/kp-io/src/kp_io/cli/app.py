"""The command `kp-io`: registers its subcommands, which import everything else when they run, so that help is quick."""

import typer

from kp_io.cli.annotate import annotate
from kp_io.cli.build import build
from kp_io.cli.convert import compare_video, convert
from kp_io.cli.info import info
from kp_io.cli.render import render

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Facial keypoints in and out of files, videos and pictures.",
)
for command in (build, convert, compare_video, annotate, render, info):
    app.command()(command)
