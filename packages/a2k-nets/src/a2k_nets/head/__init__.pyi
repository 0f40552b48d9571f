from .network import COMPONENTS as COMPONENTS, HeadNetwork as HeadNetwork, Mixture as Mixture
from .saving import load_head as load_head, save_head as save_head
from .speech_features import (
    SAMPLES_PER_FRAME as SAMPLES_PER_FRAME,
    WINDOW as WINDOW,
    FeatureState as FeatureState,
    SpeechFeatures as SpeechFeatures,
)
from .steps import NOISE as NOISE, HeadSteps as HeadSteps
from .stream import HeadStream as HeadStream
