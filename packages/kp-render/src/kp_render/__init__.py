"""Portraits that speak: a picture of a face and keypoints in, frames of a video out.

`__init__.pyi` lists the public names. Each is loaded when it is first used.
"""

from importlib.metadata import version

import lazy_loader

__version__ = version("kp-render")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
