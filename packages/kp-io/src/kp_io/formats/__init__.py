"""Keypoint files: a module for each format, and the table that picks one by a file's suffix."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
