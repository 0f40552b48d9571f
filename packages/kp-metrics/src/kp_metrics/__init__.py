"""Keypoint metrics with stated conventions: pure functions, torchmetrics classes, tables with intervals."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kp_metrics.batches import derangements, pad_sequences
    from kp_metrics.bootstrap import bootstrap_interval
    from kp_metrics.catalogue import CATALOGUE, MetricInfo
    from kp_metrics.evaluation import evaluate
    from kp_metrics.files import read_keypoints
    from kp_metrics.functional import (
        COCO_SIGMAS,
        HEAD_COMPONENTS,
        PCK_CONVENTIONS,
        acceleration,
        align_to_reference,
        beat_align,
        blink_rate,
        closure_f1,
        diversity,
        eye_aspect_ratio,
        frechet_distance,
        frechet_motion_distance,
        head_amplitude_ratio,
        head_pose,
        identity_error,
        jitter,
        keypoint_l1,
        lip_error,
        lmd,
        lve,
        motion_features,
        mouth_amplitude_ratio,
        mouth_correlation,
        mouth_opening,
        mpjpe,
        mtm,
        nme,
        oks,
        pa_mpjpe,
        pck,
        pck_auc,
        pck_curve,
        silence_opening,
        slcc,
        velocity_l1,
        velocity_ratio,
        velocity_spectrum,
    )
    from kp_metrics.metrics import (
        LMD,
        LVE,
        MPJPE,
        MTM,
        NME,
        OKS,
        PAMPJPE,
        PCK,
        PCKAUC,
        SLCC,
        Acceleration,
        BeatAlign,
        BlinkRate,
        ClosureF1,
        Diversity,
        FrechetMotionDistance,
        FunctionMetric,
        HeadAmplitudeRatio,
        IdentityError,
        Jitter,
        KeypointL1,
        KeypointMetric,
        LipError,
        MouthAmplitudeRatio,
        MouthCorrelation,
        MouthOpening,
        PairMetric,
        SilenceOpening,
        VelocityL1,
        VelocityRatio,
    )
    from kp_metrics.normalizers import (
        NORMALIZERS,
        bbox_sides,
        bbox_size,
        head_size,
        interocular_distance,
        point_distance,
        pupil_distance,
        torso_size,
    )
    from kp_metrics.sound import audio_beats, frame_loudness, silent_frames
    from kp_metrics.table import EvaluationTable, Row, Score

__version__ = version("kp-metrics")

__all__ = [
    "CATALOGUE",
    "COCO_SIGMAS",
    "HEAD_COMPONENTS",
    "LMD",
    "LVE",
    "MPJPE",
    "MTM",
    "NME",
    "NORMALIZERS",
    "OKS",
    "PAMPJPE",
    "PCK",
    "PCKAUC",
    "PCK_CONVENTIONS",
    "SLCC",
    "Acceleration",
    "BeatAlign",
    "BlinkRate",
    "ClosureF1",
    "Diversity",
    "EvaluationTable",
    "FrechetMotionDistance",
    "FunctionMetric",
    "HeadAmplitudeRatio",
    "IdentityError",
    "Jitter",
    "KeypointL1",
    "KeypointMetric",
    "LipError",
    "MetricInfo",
    "MouthAmplitudeRatio",
    "MouthCorrelation",
    "MouthOpening",
    "PairMetric",
    "Row",
    "Score",
    "SilenceOpening",
    "VelocityL1",
    "VelocityRatio",
    "acceleration",
    "align_to_reference",
    "audio_beats",
    "bbox_sides",
    "bbox_size",
    "beat_align",
    "blink_rate",
    "bootstrap_interval",
    "closure_f1",
    "derangements",
    "diversity",
    "evaluate",
    "eye_aspect_ratio",
    "frame_loudness",
    "frechet_distance",
    "frechet_motion_distance",
    "head_amplitude_ratio",
    "head_pose",
    "head_size",
    "identity_error",
    "interocular_distance",
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
    "pad_sequences",
    "pck",
    "pck_auc",
    "pck_curve",
    "point_distance",
    "pupil_distance",
    "read_keypoints",
    "silence_opening",
    "silent_frames",
    "slcc",
    "torso_size",
    "velocity_l1",
    "velocity_ratio",
    "velocity_spectrum",
]

# Where the names live, the quickest import first. torch and torchmetrics take seconds to load: they wait until a name
# is asked for that needs them, so that the command line answers at once.
_HOMES = (
    "catalogue",
    "table",
    "normalizers",
    "batches",
    "bootstrap",
    "files",
    "sound",
    "functional",
    "evaluation",
    "metrics",
)


def __getattr__(name: str) -> Any:
    if name in __all__:
        for home in _HOMES:
            module = import_module(f"{__name__}.{home}")
            if name in module.__all__:
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
