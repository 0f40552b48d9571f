"""The metrics as torchmetrics classes, which accumulate over batches and processes."""

from kp_metrics.metrics.base import FunctionMetric, KeypointMetric, PairMetric
from kp_metrics.metrics.face import (
    MTM,
    BlinkRate,
    ClosureF1,
    HeadAmplitudeRatio,
    IdentityError,
    MouthAmplitudeRatio,
    MouthCorrelation,
    MouthOpening,
)
from kp_metrics.metrics.motion import Acceleration, Diversity, FrechetMotionDistance, Jitter, VelocityL1, VelocityRatio
from kp_metrics.metrics.points import LMD, LVE, MPJPE, NME, OKS, PAMPJPE, PCK, PCKAUC, KeypointL1, LipError
from kp_metrics.metrics.speech import SLCC, BeatAlign, SilenceOpening

__all__ = [
    "LMD",
    "LVE",
    "MPJPE",
    "MTM",
    "NME",
    "OKS",
    "PAMPJPE",
    "PCK",
    "PCKAUC",
    "SLCC",
    "Acceleration",
    "BeatAlign",
    "BlinkRate",
    "ClosureF1",
    "Diversity",
    "FrechetMotionDistance",
    "FunctionMetric",
    "HeadAmplitudeRatio",
    "IdentityError",
    "Jitter",
    "KeypointL1",
    "KeypointMetric",
    "LipError",
    "MouthAmplitudeRatio",
    "MouthCorrelation",
    "MouthOpening",
    "PairMetric",
    "SilenceOpening",
    "VelocityL1",
    "VelocityRatio",
]
