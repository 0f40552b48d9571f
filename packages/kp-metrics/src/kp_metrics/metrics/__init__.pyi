from .base import FunctionMetric as FunctionMetric, KeypointMetric as KeypointMetric, PairMetric as PairMetric
from .face import (
    MTM as MTM,
    BlinkRate as BlinkRate,
    ClosureF1 as ClosureF1,
    HeadAmplitudeRatio as HeadAmplitudeRatio,
    IdentityError as IdentityError,
    MouthAmplitudeRatio as MouthAmplitudeRatio,
    MouthCorrelation as MouthCorrelation,
    MouthOpening as MouthOpening,
)
from .motion import (
    Acceleration as Acceleration,
    Diversity as Diversity,
    FrechetMotionDistance as FrechetMotionDistance,
    Jitter as Jitter,
    VelocityL1 as VelocityL1,
    VelocityRatio as VelocityRatio,
)
from .points import (
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
from .speech import SLCC as SLCC, BeatAlign as BeatAlign, SilenceOpening as SilenceOpening
