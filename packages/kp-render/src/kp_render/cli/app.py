"""The command `kp-render`; what does not begin with the name of a command is for `kp-render render`."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from kp_render.cli.console import show_version
from kp_render.cli.render import render
from kp_render.cli.train import pairs, train


class RenderFirst(TyperGroup):
    """A group whose command `render` needs not be named: `kp-render portrait.jpg talk.npz`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of the command before arguments that begin with none."""
        if args and args[0] not in {*self.commands, "--help", "--version"}:
            args = ["render", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=RenderFirst,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Portraits that speak: videos of a picture and keypoints.",
)


@app.callback()
def show(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Portraits that speak: videos of a picture and keypoints."""


app.command()(render)
app.command()(pairs)
app.command()(train)
