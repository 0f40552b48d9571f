from .expression_edits import BLINK_FRAMES as BLINK_FRAMES, neutral_mouth as neutral_mouth
from .generator import ResidualGenerator as ResidualGenerator
from .listener_generator import ListenerGenerator as ListenerGenerator
from .model import Audio2Keypoint as Audio2Keypoint
