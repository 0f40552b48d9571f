"""Settings of the networks as frozen dataclasses, their presets, and their validation."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
