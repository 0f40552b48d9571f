"""Facial keypoints in and out of files, videos and pictures.

`__init__.pyi` lists the public names. Each is loaded when it is first used, so that `import kp_io` and `kp-io --help`
stay quick.
"""

from importlib.metadata import version

import lazy_loader

__version__ = version("kp-io")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
