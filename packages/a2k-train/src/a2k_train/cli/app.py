"""The command line of training: `a2k-train fit`, `evaluate`, `publish`, `crossval`, `ablate`, `pretrain` and heads."""

from typing import Annotated

import typer

from a2k_train.cli.ablate import ablate
from a2k_train.cli.console import show_version
from a2k_train.cli.crossval import crossval
from a2k_train.cli.evaluate import evaluate
from a2k_train.cli.fit import fit
from a2k_train.cli.heads.head import head
from a2k_train.cli.heads.head_report import head_report
from a2k_train.cli.options import current_spelling
from a2k_train.cli.pretrain import pretrain
from a2k_train.cli.publish import publish

app = typer.Typer(
    help="Train and evaluate Audio2Keypoint networks.",
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
    """Train and evaluate Audio2Keypoint networks."""


for command in (fit, evaluate, publish, crossval, ablate, pretrain, head, head_report):
    app.command()(command)
