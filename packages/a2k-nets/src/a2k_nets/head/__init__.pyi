from .network import HeadNetwork as HeadNetwork, Mixture as Mixture
from .speech_features import FeatureState as FeatureState, SpeechFeatures as SpeechFeatures
from .stream import HeadStream as HeadStream
