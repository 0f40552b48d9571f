"""Changes of keypoint tracks: over time, by mirroring and centring, and into head pose and face."""

from kp_io.transforms.gaps import interpolate_missing, split_at_gaps, split_sequence
from kp_io.transforms.head_pose import HeadPose, compose_head_pose, split_head_pose
from kp_io.transforms.mirror import centre_on_base_point, mirror, mirror_keypoints, restore_base_point
from kp_io.transforms.resample import resample_fps
from kp_io.transforms.smooth import SmoothingMethod, one_euro, savitzky_golay, smooth

__all__ = [
    "HeadPose",
    "SmoothingMethod",
    "centre_on_base_point",
    "compose_head_pose",
    "interpolate_missing",
    "mirror",
    "mirror_keypoints",
    "one_euro",
    "resample_fps",
    "restore_base_point",
    "savitzky_golay",
    "smooth",
    "split_at_gaps",
    "split_head_pose",
    "split_sequence",
]
