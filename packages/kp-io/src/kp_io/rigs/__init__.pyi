from .arkit_names import ARKIT_NAMES as ARKIT_NAMES, NOT_DERIVED as NOT_DERIVED
from .arkit_shapes import derive_blend_shapes as derive_blend_shapes
from .head_track import HeadTrack as HeadTrack, track_head as track_head
from .registry import RIG_FORMATS as RIG_FORMATS, rig_suffix as rig_suffix, save_rig as save_rig
