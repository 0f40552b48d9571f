from .discriminator import MotionDiscriminator as MotionDiscriminator
from .model import PaperAudio2Keypoint as PaperAudio2Keypoint
from .normalizer import PaperNormalizer as PaperNormalizer
