"""The `residual` preset: a causal network that predicts displacements from the reference face."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
