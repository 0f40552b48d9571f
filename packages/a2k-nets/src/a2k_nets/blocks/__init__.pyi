from .driving_motion import back_and_forth as back_and_forth, check_driving as check_driving
from .log_mel import LogMelSpectrogram as LogMelSpectrogram
from .similarity import (
    apply_similarity as apply_similarity,
    compose_pose as compose_pose,
    fit_similarity as fit_similarity,
    invert_similarity as invert_similarity,
    split_pose as split_pose,
)
