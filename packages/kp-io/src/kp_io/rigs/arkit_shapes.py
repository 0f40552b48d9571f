"""Weights of ARKit's blend shapes from 68 points, by documented formulas."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from kp_io.keypoints.layout import IBUG68
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.rigs.arkit_names import ARKIT_NAMES
from kp_io.rigs.head_track import track_head

#: Lengths at which a weight is 1, in distances between the outer corners of the eyes.
_JAW_OPEN, _JAW_ASIDE, _MOUTH_ASIDE, _CORNER, _LIP, _BROW = 0.30, 0.10, 0.08, 0.08, 0.08, 0.10

#: Shares of the width of the mouth, and of the gap between the lids, at which a weight is 1.
_NARROW, _WIDE_EYE = 0.35, 0.40

#: Gap between the lips from which a narrow mouth is a funnel, not a pucker; and how far corners sink with the jaw.
_FUNNEL_GAP, _CORNER_SINKS = 0.10, 0.20

#: The share of frames in which the mouth is at rest.
_REST_QUANTILE = 0.05


class _Side(NamedTuple):
    """The points of one side of the face; the jaw's is the one below the lip."""

    upper_lid: tuple[int, int]
    lower_lid: tuple[int, int]
    corner: int
    upper_lip: tuple[int, int]
    lower_lip: tuple[int, int]
    jaw: int
    brow: tuple[int, int, int]
    brow_end: tuple[int, int]


#: The person's own left is on the right of the picture.
_SIDES = {
    "Left": _Side((43, 44), (47, 46), 54, (52, 53), (55, 56), 9, (22, 23, 24), (25, 26)),
    "Right": _Side((37, 38), (41, 40), 48, (49, 50), (58, 59), 7, (19, 20, 21), (17, 18)),
}


def derive_blend_shapes(
    sequence: KeypointSequence, *, neutral: KeypointSequence | None = None
) -> Float[Tensor, "t 52"]:
    """Return the weights of the 52 blend shapes in [0, 1], in the order of `ARKIT_NAMES`.

    They are measured on the face without the head's motion, relative to the face at rest. The formulas are in
    docs/rigs.md. Those of `NOT_DERIVED` are 0.

    Args:
        sequence: Keypoints of 68 points.
        neutral: The face at rest, of which the medians are used. By default, rest is the median of the sequence, and
            for the opening of the mouth its 5 % quantile; a still then has no weights.

    Raises:
        ValueError: The layout is not ibug68.

    Example:
        >>> from kp_io.transforms.mean_face_3d import mean_face_3d
        >>> rest = mean_face_3d()[:, :2].float() + 100
        >>> talking = rest.clone()
        >>> talking[65:68, 1] += 13.5  # the lower lip, 0.15 eye distances down
        >>> sequence = KeypointSequence(torch.stack([rest] * 3 + [talking]), image_size=(224, 224))
        >>> weights = derive_blend_shapes(sequence)[:, ARKIT_NAMES.index("jawOpen")]
        >>> weights.round(decimals=2).tolist()
        [0.0, 0.0, 0.0, 0.5]
    """
    measures = _measure(sequence)
    at_rest = measures if neutral is None else _measure(neutral)
    rest = {name: values.median() for name, values in at_rest.items()}
    if neutral is None:
        rest["gap"] = measures["gap"].quantile(_REST_QUANTILE)
    change = {name: values - rest[name] for name, values in measures.items()}
    opening = change["gap"].clamp(min=0)
    # What the corners of the mouth sink by, relative to what they do at rest.
    sunk = _CORNER_SINKS * (opening - (at_rest["gap"] - rest["gap"]).clamp(min=0).median())
    narrow = _weight(-change["width"] / rest["width"], _NARROW)
    rounded = _weight(opening, _FUNNEL_GAP)
    weights = {
        "jawOpen": _weight(opening, _JAW_OPEN),
        "jawLeft": _weight(change["chin"], _JAW_ASIDE),
        "jawRight": _weight(-change["chin"], _JAW_ASIDE),
        "mouthLeft": _weight(change["mouth"], _MOUTH_ASIDE),
        "mouthRight": _weight(-change["mouth"], _MOUTH_ASIDE),
        "mouthFunnel": narrow * rounded,
        "mouthPucker": narrow * (1 - rounded),
        "mouthRollUpper": _weight(-change["upperLip"] / rest["upperLip"], 1),
        "mouthRollLower": _weight(-change["lowerLip"] / rest["lowerLip"], 1),
        "browInnerUp": _weight(change["browInner"], _BROW),
    }
    for side in ("Left", "Right"):
        lids = change[f"lids{side}"] / rest[f"lids{side}"]
        raised = change[f"corner{side}"] + sunk
        smile = _weight(raised, _CORNER)
        weights |= {
            f"eyeBlink{side}": _weight(-lids, 1),
            f"eyeWide{side}": _weight(lids, _WIDE_EYE),
            f"mouthSmile{side}": smile,
            f"mouthFrown{side}": _weight(-raised, _CORNER),
            f"mouthStretch{side}": _weight(change["width"] / 2, _CORNER) * (1 - smile),
            f"mouthUpperUp{side}": _weight(-change[f"upper{side}"], _LIP),
            f"mouthLowerDown{side}": _weight(-change[f"lower{side}"], _LIP),
            f"browDown{side}": _weight(-change[f"brow{side}"], _BROW),
            f"browOuterUp{side}": _weight(change[f"browOuter{side}"], _BROW),
        }
    zeros = torch.zeros(len(sequence), dtype=torch.float64)
    return torch.stack([weights.get(name, zeros) for name in ARKIT_NAMES], dim=1).float()


def _measure(sequence: KeypointSequence) -> dict[str, Float64[Tensor, " t"]]:
    """Return lengths of the face by name, in distances between the outer corners of the eyes; heights are upwards."""
    if sequence.layout.name != IBUG68.name:
        raise ValueError(f"expected 68 points ({IBUG68.name}) for blend shapes, got the layout {sequence.layout.name}")
    face = track_head(sequence).face[..., :2]
    face = face / (face[:, 45] - face[:, 36]).norm(dim=-1).median().clamp(min=1e-6)
    x, height = face[..., 0], -face[..., 1]

    def mean(values: Tensor, *points: int) -> Tensor:
        middle: Tensor = values[:, list(points)].mean(dim=1)
        return middle

    def gap(above: int, below: int) -> Tensor:
        difference: Tensor = height[:, above] - height[:, below]
        return difference

    middle = mean(x, 27, 28, 29, 30)
    measures = {
        "gap": (gap(61, 67) + gap(62, 66) + gap(63, 65)) / 3,
        "width": (face[:, 54] - face[:, 48]).norm(dim=-1).clamp(min=1e-6),
        "chin": mean(x, 7, 8, 9) - middle,
        "mouth": mean(x, 48, 54) - middle,
        "upperLip": gap(51, 62).clamp(min=1e-6),
        "lowerLip": gap(66, 57).clamp(min=1e-6),
        "browInner": mean(height, 21, 22),
    }
    for side, points in _SIDES.items():
        measures |= {
            f"lids{side}": (mean(height, *points.upper_lid) - mean(height, *points.lower_lid)).clamp(min=1e-6),
            f"corner{side}": height[:, points.corner],
            f"upper{side}": height[:, 33] - mean(height, *points.upper_lip),
            f"lower{side}": mean(height, *points.lower_lip) - height[:, points.jaw],
            f"brow{side}": mean(height, *points.brow),
            f"browOuter{side}": mean(height, *points.brow_end),
        }
    return measures


def _weight(length: Float64[Tensor, " t"], full: float) -> Float64[Tensor, " t"]:
    weight: Tensor = (length / full).clamp(0, 1)
    return weight
