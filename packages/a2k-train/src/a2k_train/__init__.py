"""Training and evaluation of Audio2Keypoint networks."""

from importlib.metadata import version

__version__ = version("a2k-train")
