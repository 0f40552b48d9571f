"""Exports for rigs: ARKit blend shapes and the motion of a head bone, derived from 68 points."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
