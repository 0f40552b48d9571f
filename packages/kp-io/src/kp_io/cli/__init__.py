"""The command `kp-io`."""

from kp_io.cli.app import app

__all__ = ["app"]
