from .constants import constant as constant, select_points as select_points
from .similarity import (
    apply_similarity as apply_similarity,
    fit_similarity as fit_similarity,
    invert_similarity as invert_similarity,
    split_pose as split_pose,
)
