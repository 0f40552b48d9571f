from .audio import AudioConfig as AudioConfig
from .head import HeadConfig as HeadConfig
from .listener import ListenerConfig as ListenerConfig
from .motion import MotionConfig as MotionConfig
from .paper import UPSAMPLINGS as UPSAMPLINGS, VARIANTS as VARIANTS, PaperConfig as PaperConfig
from .presets import AnyConfig as AnyConfig, config_from_dict as config_from_dict, preset_of as preset_of
from .renamed import (
    RENAMED_SETTINGS as RENAMED_SETTINGS,
    RENAMED_TENSORS as RENAMED_TENSORS,
    accept_renamed as accept_renamed,
    rename_settings as rename_settings,
)
from .residual import ModelConfig as ModelConfig
from .validation import check_kinds as check_kinds, refuse_unknown as refuse_unknown
