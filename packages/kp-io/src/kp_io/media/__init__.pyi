from .animation import ANIMATION_SUFFIXES as ANIMATION_SUFFIXES, write_animation as write_animation
from .audio import (
    align_audio as align_audio,
    decode_flac as decode_flac,
    encode_flac as encode_flac,
    read_audio as read_audio,
    read_audio_blocks as read_audio_blocks,
    resample_audio as resample_audio,
)
from .audio_resampler import Resampler as Resampler
from .audio_shift import shift_audio as shift_audio
from .image import (
    RGBImage as RGBImage,
    image_size as image_size,
    read_image as read_image,
    text_strip as text_strip,
    write_image as write_image,
)
from .sound.downmix import wav_mixer as wav_mixer
from .sound.opus_packets import OpusDecoder as OpusDecoder
from .sound.pipe import SoundPipe as SoundPipe, open_pipe as open_pipe
from .still import is_video as is_video, read_still as read_still
from .video_writer import VIDEO_SUFFIXES as VIDEO_SUFFIXES
