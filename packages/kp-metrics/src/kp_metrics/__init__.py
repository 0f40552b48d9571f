"""Keypoint metrics with stated conventions."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kp_metrics.functional import (
        HEAD_COMPONENTS,
        PCK_CONVENTIONS,
        align_to_reference,
        head_amplitude_ratio,
        head_pose,
        keypoint_l1,
        lip_error,
        lve,
        mouth_amplitude_ratio,
        mouth_correlation,
        mouth_opening,
        nme,
        pck,
        pck_auc,
        pck_curve,
    )

__version__ = version("kp-metrics")

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


def __getattr__(name: str) -> Any:
    # torch takes seconds to import: it waits until a metric is asked for, so that the command line starts at once.
    if name in __all__:
        return getattr(import_module("kp_metrics.functional"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
