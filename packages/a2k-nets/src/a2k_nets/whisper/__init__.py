"""The first layers of Whisper's speech encoder (Radford et al., 2022), frozen: phonetic features of speech."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
