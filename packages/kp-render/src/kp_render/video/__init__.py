"""Videos of portraits that speak, marked as generated; this room reads and writes files by kp-io.

`__init__.pyi` lists the public names. Each is loaded when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
