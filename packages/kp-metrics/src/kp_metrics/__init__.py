"""Keypoint metrics with stated conventions."""

from importlib.metadata import version

__version__ = version("kp-metrics")
