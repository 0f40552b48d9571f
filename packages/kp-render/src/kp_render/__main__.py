"""`python -m kp_render` is the command `kp-render`."""

from kp_render.cli.app import app

app()
