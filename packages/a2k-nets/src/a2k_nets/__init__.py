"""Audio2Keypoint networks: speech and a reference face in, facial keypoints out."""

from importlib.metadata import version

__version__ = version("a2k-nets")
