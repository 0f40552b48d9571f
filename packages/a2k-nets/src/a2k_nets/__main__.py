"""`python -m a2k_nets` is the command `a2k`."""

from a2k_nets.cli.app import app

app()
