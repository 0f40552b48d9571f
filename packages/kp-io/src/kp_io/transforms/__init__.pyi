from .gaps import (
    interpolate_missing as interpolate_missing,
    split_at_gaps as split_at_gaps,
    split_sequence as split_sequence,
)
from .head_pose import HeadPose as HeadPose, compose_head_pose as compose_head_pose, split_head_pose as split_head_pose
from .mirroring import (
    centre_on_base_point as centre_on_base_point,
    mirror as mirror,
    mirror_keypoints as mirror_keypoints,
    restore_base_point as restore_base_point,
)
from .resample import resample_fps as resample_fps
from .smoothing import (
    SmoothingMethod as SmoothingMethod,
    one_euro as one_euro,
    savitzky_golay as savitzky_golay,
    smooth as smooth,
)
