"""The command `a2k`."""

from a2k_nets.cli.app import app

__all__ = ["app"]
