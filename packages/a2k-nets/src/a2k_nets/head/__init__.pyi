from .blinks import BLINK_LENGTH as BLINK_LENGTH, LONGEST_WAIT as LONGEST_WAIT, BlinkTimes as BlinkTimes
from .network import COMPONENTS as COMPONENTS, HeadNetwork as HeadNetwork, Mixture as Mixture
from .saving import load_head as load_head, save_head as save_head
from .space import lift as lift, project as project
from .speech_features import (
    SAMPLES_PER_FRAME as SAMPLES_PER_FRAME,
    WINDOW as WINDOW,
    FeatureState as FeatureState,
    SpeechFeatures as SpeechFeatures,
)
from .steps import NOISE as NOISE, HeadSteps as HeadSteps
from .stream import HeadStream as HeadStream
