"""What a case of a keypoint file is, and the texts of such files.

A case is a name for the file, its text, what is chosen, and either what is in it (the measured frames, the shift of the
face in each frame, the rate) or a part of the error.
"""

import json
import math
from dataclasses import dataclass, field
from typing import Any

POINTS = 68

#: The face without a shift; a file's frame holds it moved to the right by some pixels.
FACE = [(100 + 50 * math.cos(i), 90 + 60 * math.sin(1.3 * i)) for i in range(POINTS)]


@dataclass(frozen=True)
class Case:
    """A file, and what readers find in it."""

    name: str
    file: str
    text: str
    shifts: list[float] = field(default_factory=list)  # pixels, one a frame
    lost: frozenset[int] = frozenset()  # frames with scores of 0
    fps: float = 25.0
    chosen: dict[str, Any] = field(default_factory=dict)
    error: str = ""  # a part of the message

    def measured(self) -> list[bool]:
        """Return which frames have scores above 0."""
        return [frame not in self.lost for frame in range(len(self.shifts))]

    def points(self) -> list[list[list[float]]]:
        """Return the keypoints (T, 68, 2)."""
        return [[[x + shift, y] for x, y in FACE] for shift in self.shifts]


def cells(shift: float) -> list[str]:
    """Return the columns x_0 …, y_0 … of a frame."""
    return [repr(x + shift) for x, _ in FACE] + [repr(y) for _, y in FACE]


NAMES = [f"{axis}_{i}" for axis in "xy" for i in range(POINTS)]


def table(columns: list[str], rows: list[tuple[list[Any], list[str]]], *, comma: str = ",", start: str = "") -> str:
    """Return a table with leading columns and points."""
    lines = [[*columns, *NAMES], *([*map(str, leading), *points] for leading, points in rows)]
    return start + "\n".join(comma.join(line) for line in lines) + "\n"


def coco(images: list[dict[str, Any]], annotations: list[dict[str, Any]], **info: Any) -> str:
    """Return COCO's JSON; images have a size."""
    sized = [{"height": 480, "width": 640, **image} for image in images]
    return json.dumps({"info": info, "images": sized, "annotations": annotations})


def labelled(image: int, shift: float, *, scale: float = 1.0, **members: Any) -> dict[str, Any]:
    """Return an annotation with a face."""
    triplets = [v for x, y in FACE for v in ((x + shift) * scale, y * scale, 2)]
    return {"image_id": image, "category_id": 1, "keypoints": triplets, **members}


def listed(shift: float, **members: Any) -> dict[str, Any]:
    """Return a frame of a list of points."""
    return {**members, "points": [{"x": x + shift, "y": y} for x, y in FACE]}


def listing(frames: list[dict[str, Any]], **members: Any) -> str:
    """Return JSON of points per frame."""
    return json.dumps({"image_width": 640, "image_height": 480, **members, "frames": frames})


def openface(rows: list[tuple[int, int, float, float, int, list[str]]], **how: Any) -> str:
    """Return OpenFace's table of frame, face, time, confidence, success and points."""
    return table(["frame", "face_id", "timestamp", "confidence", "success"], [(list(r[:5]), r[5]) for r in rows], **how)


def seen(frames: Any, fps: float = 30.0, face: int = 0) -> list[tuple[int, int, float, float, int, list[str]]]:
    """Return rows of OpenFace for frames that were found, which count from 1."""
    return [(n, face, round((n - 1) / fps, 3), 0.98, 1, cells(n - 1)) for n in frames]


NO_FACE = ["0"] * (2 * POINTS)
NAN = ["-nan(ind)"] * (2 * POINTS)
EMPTY = [""] * (2 * POINTS)
RAMP = [float(i) for i in range(50)]
KEPT = [*range(15), *range(30, 50)]
GAP = frozenset(range(15, 30))
SHUFFLED = [18, 3, 0, 24, 7, 12, 1, 21, 5, 16, 9, 23, 2, 20, 14, 11, 4, 8, 22, 6, 19, 10, 13, 17, 15]
