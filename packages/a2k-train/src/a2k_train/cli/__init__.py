"""The command `a2k-train`."""

from a2k_train.cli.app import app

__all__ = ["app"]
