from .evaluation.bootstrap import bootstrap_interval as bootstrap_interval
from .evaluation.evaluate import evaluate as evaluate
from .evaluation.metric_registry import (
    CATALOGUE as CATALOGUE,
    METRIC_REGISTRY as METRIC_REGISTRY,
    MetricInfo as MetricInfo,
)
from .evaluation.padding import derangements as derangements, pad_sequences as pad_sequences
from .evaluation.results_table import EvaluationTable as EvaluationTable, Row as Row, Score as Score
from .files.readers import read_keypoints as read_keypoints
from .functional.face.blink import blink_rate as blink_rate, eye_aspect_ratio as eye_aspect_ratio
from .functional.face.head import (
    HEAD_COMPONENTS as HEAD_COMPONENTS,
    align_to_reference as align_to_reference,
    head_amplitude_ratio as head_amplitude_ratio,
    head_pose as head_pose,
)
from .functional.face.head_amplitude import head_pose_amplitude as head_pose_amplitude
from .functional.face.identity import identity_error as identity_error
from .functional.face.lip_error import lip_error as lip_error, lve as lve
from .functional.face.mouth import (
    closure_f1 as closure_f1,
    mouth_amplitude_ratio as mouth_amplitude_ratio,
    mouth_correlation as mouth_correlation,
    mouth_opening as mouth_opening,
)
from .functional.face.timing import mtm as mtm
from .functional.motion.best_of import best_of_n as best_of_n
from .functional.motion.diversity import diversity as diversity
from .functional.motion.frechet import (
    frechet_distance as frechet_distance,
    frechet_motion_distance as frechet_motion_distance,
    motion_features as motion_features,
)
from .functional.motion.match import motion_match_auc as motion_match_auc
from .functional.motion.spectrum import velocity_spectrum as velocity_spectrum
from .functional.motion.velocity import (
    acceleration as acceleration,
    jitter as jitter,
    velocity_l1 as velocity_l1,
    velocity_ratio as velocity_ratio,
)
from .functional.points.landmark_distance import lmd as lmd
from .functional.points.nme import nme as nme
from .functional.points.oks import COCO_SIGMAS as COCO_SIGMAS, oks as oks
from .functional.points.pck import (
    PCK_CONVENTIONS as PCK_CONVENTIONS,
    pck as pck,
    pck_auc as pck_auc,
    pck_curve as pck_curve,
)
from .functional.points.position_error import keypoint_l1 as keypoint_l1, mpjpe as mpjpe, pa_mpjpe as pa_mpjpe
from .functional.speech.beats import beat_align as beat_align
from .functional.speech.intensity import slcc as slcc
from .functional.speech.silence import silence_opening as silence_opening
from .metrics.base import FunctionMetric as FunctionMetric, KeypointMetric as KeypointMetric, PairMetric as PairMetric
from .metrics.face import (
    MTM as MTM,
    BlinkRate as BlinkRate,
    ClosureF1 as ClosureF1,
    HeadAmplitudeRatio as HeadAmplitudeRatio,
    IdentityError as IdentityError,
    MouthAmplitudeRatio as MouthAmplitudeRatio,
    MouthCorrelation as MouthCorrelation,
    MouthOpening as MouthOpening,
)
from .metrics.motion import (
    Acceleration as Acceleration,
    Diversity as Diversity,
    FrechetMotionDistance as FrechetMotionDistance,
    Jitter as Jitter,
    VelocityL1 as VelocityL1,
    VelocityRatio as VelocityRatio,
)
from .metrics.points import (
    LMD as LMD,
    LVE as LVE,
    MPJPE as MPJPE,
    NME as NME,
    OKS as OKS,
    PAMPJPE as PAMPJPE,
    PCK as PCK,
    PCKAUC as PCKAUC,
    KeypointL1 as KeypointL1,
    LipError as LipError,
)
from .metrics.speech import SLCC as SLCC, BeatAlign as BeatAlign, SilenceOpening as SilenceOpening
from .primitives.audio_energy import (
    audio_beats as audio_beats,
    frame_loudness as frame_loudness,
    silent_frames as silent_frames,
)
from .primitives.normalizers import (
    NORMALIZERS as NORMALIZERS,
    bbox_sides as bbox_sides,
    bbox_size as bbox_size,
    head_size as head_size,
    interocular_distance as interocular_distance,
    point_distance as point_distance,
    pupil_distance as pupil_distance,
    torso_size as torso_size,
)
