"""Facial keypoints in and out of files, videos and pictures."""

from importlib.metadata import version

__version__ = version("kp-io")
