from .base import Detection as Detection, LandmarkDetector as LandmarkDetector, NoFaceFoundError as NoFaceFoundError
from .precomputed_source import (
    Annotator as Annotator,
    MissingPointsError as MissingPointsError,
    PrecomputedSource as PrecomputedSource,
)
from .registry import DetectorChoice as DetectorChoice, make_detector as make_detector
