"""Registry of the metrics that tables and the command line offer: convention, unit, direction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from kp_metrics.primitives.ibug68 import MOUTH


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """A metric of the tables.

    Attributes:
        name: Name in tables and on the command line.
        convention: What is computed by default.
        unit: Unit of the value.
        higher_is_better: None where neither end is best.
        others: Other conventions, and the options that select them.
        function: Function of `kp_metrics.functional`, if not `name`.
        options: Options of the function for this metric.
        needs: Input besides keypoints: `"audio"`, `"area"`, `"samples"`, `"hold"` (the row `hold reference`), or none.
        measures_preds: Whether it measures the predictions alone, so that the ground truth has a value too.
        has_fps: Whether it takes `fps`.
    """

    name: str
    convention: str
    unit: str
    higher_is_better: bool | None
    others: str = ""
    function: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    needs: str = ""
    measures_preds: bool = False
    has_fps: bool = False

    @property
    def function_name(self) -> str:
        """Name of the function in `kp_metrics.functional`."""
        return self.function or self.name

    @property
    def is_error(self) -> bool:
        """Whether it is 0 for the ground truth by definition, so that its row is left out."""
        return self.higher_is_better is False and not self.measures_preds

    @property
    def arrow(self) -> str:
        """↑ if higher is better, ↓ if lower is, else empty."""
        return {True: "↑", False: "↓", None: ""}[self.higher_is_better]


def _ratio(name: str, convention: str, others: str = "", **how: Any) -> MetricInfo:
    return MetricInfo(name, convention, "ratio, 1 is best", None, others, **how)


def _head(component: str, label: str) -> MetricInfo:
    how: dict[str, Any] = {"function": "head_amplitude_ratio", "options": {"component": component}}
    return _ratio(f"head_amplitude_ratio_{component}", f"std of predicted over std of true {label} of the head", **how)


def _audio(name: str, convention: str, unit: str, higher_is_better: bool, others: str = "") -> MetricInfo:
    how: dict[str, Any] = {"needs": "audio", "measures_preds": True, "has_fps": True}
    return MetricInfo(name, convention, unit, higher_is_better, others, **how)


# A table, which the formatter would spread over one line per cell.
# fmt: off
METRIC_REGISTRY: tuple[MetricInfo, ...] = (
    MetricInfo("keypoint_l1", "mean |p−t| of a coordinate", "px", False, "z-scored keypoints (Audio2Keypoint)"),
    MetricInfo("pck", "share of ‖p−t‖ ≤ α·max(h, w), box of the target over the sequence, α = 0.02", "share", True,
        "box a frame, α 0.2, base point dropped (speech2gesture); <, per axis, keypoints first (mmpose); head; torso"),
    MetricInfo("pck_auc", "exact area under PCK(α), α from 0 to 0.1, over 0.1", "share", True, "alpha_max"),
    MetricInfo("nme", "mean ‖p−t‖ over the distance of the outer eye corners", "IOD", False,
        "√(w·h) of the box (FAN); pupils"),
    MetricInfo("oks", "COCO's object keypoint similarity, mean over objects", "share", True, "sigmas", needs="area"),
    MetricInfo("mpjpe", "mean ‖p−t‖, 2-D or 3-D", "px", False, "root-aligned: root"),
    MetricInfo("pa_mpjpe", "mean ‖p−t‖ after each frame's Procrustes fit with scale", "px", False, "scale=False"),
    MetricInfo("lmd", "mean ‖p−t‖ of all points, each frame centred on its mean point (F-LMD)", "px", False,
        "pixels of a 256 crop: scale; sum over points, not centred (ATVGnet)"),
    MetricInfo("lmd_mouth", "the same of points 48–67 alone (M-LMD)", "px", False, "as lmd", function="lmd",
        options={"indices": MOUTH}),
    MetricInfo("lip_error",
        "mean ‖p−t‖ of points 48–67, frames aligned by stable points to the reference, over its IOD", "IOD", False,
        "quote it over hold reference"),
    MetricInfo("lip_error_over_hold", "lip_error over that of the row that holds the reference", "ratio", False,
        function="lip_error", needs="hold"),
    MetricInfo("lve", "mean over frames of the largest mouth-point ‖p−t‖", "px", False,
        "squared (CodeTalker, torchmetrics)"),
    MetricInfo("identity_error",
        "mean ‖p̄−r‖ of the mean face, frames aligned by stable points to the reference r, over its IOD", "IOD", False,
        measures_preds=True),
    MetricInfo("velocity_l1", "mean |Δp−Δt| · fps", "px/s", False, "normalizer", has_fps=True),
    _ratio("velocity_ratio", "rms of predicted over rms of true Δ in a sequence"),
    MetricInfo("acceleration", "mean ‖Δ²p‖ · fps² / IOD", "IOD/s²", None, measures_preds=True, has_fps=True),
    MetricInfo("jitter", "mean ‖Δ³p‖ · fps³ / IOD", "IOD/s³", None, "mm/s³ (VLOGGER)", measures_preds=True,
        has_fps=True),
    MetricInfo("mouth_opening", "mean ‖62−66‖ / IOD", "IOD", None, measures_preds=True),
    MetricInfo("mouth_correlation", "Pearson r of the mouth openings in a sequence; a constant series scores 0", "r",
        True),
    _ratio("mouth_amplitude_ratio", "std of predicted over std of true mouth opening in a sequence"),
    _ratio("head_amplitude_ratio", "geometric mean of the std ratios of head x, y, roll and log scale in a sequence",
        "yaw, pitch, roll in 3-D; one component"),
    _head("tx", "x"),
    _head("ty", "y"),
    _head("roll", "roll"),
    _head("log_scale", "log scale"),
    MetricInfo("closure_f1", "F1 of closed frames: opening below the true minimum + 10 % of its range, ±2 frames",
        "share", True, "hit rate (recall), which an always-closed mouth wins: score"),
    MetricInfo("mtm", "mean timing error of matched extrema of the mouth opening, derivative DTW", "ms", False,
        "smoothing", has_fps=True),
    _audio("slcc", "Pearson r over sequences of loudness and lip displacement", "r", True,
        "z-scored within each speaker: groups"),
    _audio("beat_align", "mean exp(−Δ²/2σ²) of audio beats to the nearest head-motion beat, σ = 3 frames", "share",
        True, "beats of your own tracker: beats"),
    _audio("silence_opening", "median mouth opening in silent stretches of at least 300 ms", "IOD", False),
    MetricInfo("frechet_motion_distance",
        "Fréchet distance of motion statistics of 25-frame windows, predicted against true", "–", False,
        "FGD: features of a learned encoder"),
    MetricInfo("diversity", "mean distance between seeds / IOD", "IOD", None, needs="samples", measures_preds=True),
    MetricInfo("blink_rate", "runs of at least 2 frames with an eye aspect ratio below 0.2", "1/min", None, "threshold",
        measures_preds=True, has_fps=True),
)

#: Metrics of a table by default.
DEFAULT_METRICS: tuple[str, ...] = (
    "keypoint_l1", "pck", "nme", "lip_error", "lip_error_over_hold", "mouth_correlation", "mouth_amplitude_ratio",
    "head_amplitude_ratio",
)
# fmt: on

#: Name of the registry in 0.1.0.
CATALOGUE = METRIC_REGISTRY


def find_metrics(names: tuple[str, ...] | list[str]) -> tuple[MetricInfo, ...]:
    """Return the metrics of the given names; raise `ValueError` with the nearest valid name.

    Example:
        >>> [info.unit for info in find_metrics(["pck", "mtm"])]
        ['share', 'ms']
    """
    by_name = {info.name: info for info in METRIC_REGISTRY}
    for name in names:
        if name not in by_name:
            near = get_close_matches(name, by_name, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"valid are {', '.join(by_name)}"
            raise ValueError(f"expected the name of a metric, got {name!r}; {hint}")
    return tuple(by_name[name] for name in names)
