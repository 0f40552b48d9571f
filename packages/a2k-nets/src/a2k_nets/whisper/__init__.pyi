from .encoder import WhisperEncoder as WhisperEncoder
from .windowed_features import WindowedFeatures as WindowedFeatures
