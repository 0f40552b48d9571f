"""The command line of training: `a2k-train fit | crossval | evaluate | ablate | publish`."""

import typer

from a2k_train.cli.ablate import ablate
from a2k_train.cli.crossval import crossval
from a2k_train.cli.evaluate import evaluate
from a2k_train.cli.fit import fit
from a2k_train.cli.publish import publish

app = typer.Typer(help="Train and evaluate Audio2Keypoint networks.", no_args_is_help=True, add_completion=False)
for command in (fit, crossval, evaluate, ablate, publish):
    app.command()(command)
