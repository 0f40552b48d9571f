"""`python -m kp_io` is the command `kp-io`."""

from kp_io.cli.app import app

app()
