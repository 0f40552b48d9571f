"""Keypoint metrics with stated conventions: pure functions, torchmetrics classes, tables with intervals.

`__init__.pyi` lists the public names. Each is loaded when it is first used: torch and torchmetrics take seconds to
load, and `kp-metrics --help` needs neither.
"""

from importlib.metadata import version

import lazy_loader

__version__ = version("kp-metrics")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
