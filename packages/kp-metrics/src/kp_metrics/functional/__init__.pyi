from .face.blink import blink_rate as blink_rate, eye_aspect_ratio as eye_aspect_ratio
from .face.head import (
    HEAD_COMPONENTS as HEAD_COMPONENTS,
    align_to_reference as align_to_reference,
    head_amplitude_ratio as head_amplitude_ratio,
    head_pose as head_pose,
)
from .face.head_amplitude import head_pose_amplitude as head_pose_amplitude
from .face.identity import identity_error as identity_error
from .face.lip_error import lip_error as lip_error, lve as lve
from .face.mouth import (
    closure_f1 as closure_f1,
    mouth_amplitude_ratio as mouth_amplitude_ratio,
    mouth_correlation as mouth_correlation,
    mouth_opening as mouth_opening,
)
from .face.timing import mtm as mtm
from .motion.best_of import best_of_n as best_of_n
from .motion.diversity import diversity as diversity
from .motion.frechet import (
    frechet_distance as frechet_distance,
    frechet_motion_distance as frechet_motion_distance,
    motion_features as motion_features,
)
from .motion.match import motion_match_auc as motion_match_auc
from .motion.spectrum import velocity_spectrum as velocity_spectrum
from .motion.velocity import (
    acceleration as acceleration,
    jitter as jitter,
    velocity_l1 as velocity_l1,
    velocity_ratio as velocity_ratio,
)
from .points.landmark_distance import lmd as lmd
from .points.nme import nme as nme
from .points.oks import COCO_SIGMAS as COCO_SIGMAS, oks as oks
from .points.pck import PCK_CONVENTIONS as PCK_CONVENTIONS, pck as pck, pck_auc as pck_auc, pck_curve as pck_curve
from .points.position_error import keypoint_l1 as keypoint_l1, mpjpe as mpjpe, pa_mpjpe as pa_mpjpe
from .speech.beats import beat_align as beat_align
from .speech.intensity import slcc as slcc
from .speech.silence import silence_opening as silence_opening
