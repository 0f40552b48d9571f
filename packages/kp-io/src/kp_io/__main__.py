"""`python -m kp_io` is the command `kp-io`."""

from kp_io.cli import app

app()
