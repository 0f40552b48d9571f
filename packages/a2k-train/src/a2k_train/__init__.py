"""Training and evaluation of Audio2Keypoint networks.

`__init__.pyi` lists the public names. Each is loaded when it is first used.
"""

from importlib.metadata import version

import lazy_loader

__version__ = version("a2k-train")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
