"""Audio2Keypoint networks: speech and a reference face in, facial keypoints out.

`__init__.pyi` lists the public names. Each is loaded when it is first used.
"""

from importlib.metadata import version

import lazy_loader

from a2k_nets.moved_modules import MOVED, redirect_imports

__version__ = version("a2k-nets")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

redirect_imports(MOVED)
