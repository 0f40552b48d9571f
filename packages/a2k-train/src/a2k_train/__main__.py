"""`python -m a2k_train` is the command `a2k-train`."""

from a2k_train.cli.app import app

app()
