"""Keypoint files: one module per format, and a registry that selects one by suffix."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
