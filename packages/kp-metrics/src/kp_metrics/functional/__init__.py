"""The metrics as pure functions of `preds` and `target`, of shape `(..., T, K, D)`."""

from kp_metrics.alignment import align_to_reference
from kp_metrics.functional.coordinate_error import keypoint_l1
from kp_metrics.functional.head import HEAD_COMPONENTS, head_amplitude_ratio, head_pose
from kp_metrics.functional.lip_error import lip_error, lve
from kp_metrics.functional.mouth import mouth_amplitude_ratio, mouth_correlation, mouth_opening
from kp_metrics.functional.nme import nme
from kp_metrics.functional.pck import PCK_CONVENTIONS, pck, pck_auc, pck_curve

__all__ = [
    "HEAD_COMPONENTS",
    "PCK_CONVENTIONS",
    "align_to_reference",
    "head_amplitude_ratio",
    "head_pose",
    "keypoint_l1",
    "lip_error",
    "lve",
    "mouth_amplitude_ratio",
    "mouth_correlation",
    "mouth_opening",
    "nme",
    "pck",
    "pck_auc",
    "pck_curve",
]
