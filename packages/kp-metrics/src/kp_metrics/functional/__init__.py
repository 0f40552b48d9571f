"""The metrics as pure functions of `preds` and `target`, of shape `(..., T, K, D)`.

What they share: `mask` says which points are valid, and masked points never matter, whatever they hold. Items without a
value (masked, or undefined such as an error over an eye distance of zero) are left out; where none is left, the result
is NaN, never 0. A NaN or infinity in a valid point makes the result NaN. Inputs are never changed. Half precision is
computed in float32.
"""

from kp_metrics.functional.face.blink import blink_rate, eye_aspect_ratio
from kp_metrics.functional.face.closure import closure_f1
from kp_metrics.functional.face.head import HEAD_COMPONENTS, head_amplitude_ratio, head_pose
from kp_metrics.functional.face.identity import identity_error
from kp_metrics.functional.face.lip_error import lip_error, lve
from kp_metrics.functional.face.mouth import mouth_amplitude_ratio, mouth_correlation, mouth_opening
from kp_metrics.functional.face.timing import mtm
from kp_metrics.functional.motion.diversity import diversity
from kp_metrics.functional.motion.frechet import frechet_distance, frechet_motion_distance, motion_features
from kp_metrics.functional.motion.spectrum import velocity_spectrum
from kp_metrics.functional.motion.velocity import acceleration, jitter, velocity_l1, velocity_ratio
from kp_metrics.functional.points.coordinate_error import keypoint_l1
from kp_metrics.functional.points.joint_error import mpjpe, pa_mpjpe
from kp_metrics.functional.points.landmark_distance import lmd
from kp_metrics.functional.points.nme import nme
from kp_metrics.functional.points.oks import COCO_SIGMAS, oks
from kp_metrics.functional.points.pck import PCK_CONVENTIONS, pck, pck_auc, pck_curve
from kp_metrics.functional.speech.beats import beat_align
from kp_metrics.functional.speech.intensity import slcc
from kp_metrics.functional.speech.silence import silence_opening
from kp_metrics.primitives.procrustes import align_to_reference

__all__ = [
    "COCO_SIGMAS",
    "HEAD_COMPONENTS",
    "PCK_CONVENTIONS",
    "acceleration",
    "align_to_reference",
    "beat_align",
    "blink_rate",
    "closure_f1",
    "diversity",
    "eye_aspect_ratio",
    "frechet_distance",
    "frechet_motion_distance",
    "head_amplitude_ratio",
    "head_pose",
    "identity_error",
    "jitter",
    "keypoint_l1",
    "lip_error",
    "lmd",
    "lve",
    "motion_features",
    "mouth_amplitude_ratio",
    "mouth_correlation",
    "mouth_opening",
    "mpjpe",
    "mtm",
    "nme",
    "oks",
    "pa_mpjpe",
    "pck",
    "pck_auc",
    "pck_curve",
    "silence_opening",
    "slcc",
    "velocity_l1",
    "velocity_ratio",
    "velocity_spectrum",
]
