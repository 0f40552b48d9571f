from .blinks import BLINK_FRAMES as BLINK_FRAMES
from .lips_at_rest import close_lips as close_lips
from .model import Audio2Keypoint as Audio2Keypoint
