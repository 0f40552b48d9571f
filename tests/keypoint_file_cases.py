"""One table of keypoint files for the tests of kp-io and of kp-metrics: both must read each of them alike.

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

CASES = [
    # Numbers and times of tables.
    Case("plain", "a.csv", table([], [([], cells(i)) for i in range(5)]), RAMP[:5]),
    Case(
        "rows dropped",
        "a.csv",
        table(["frame", "time_seconds"], [([i, f"{i / 25:.3f}"], cells(i)) for i in KEPT]),
        RAMP,
        GAP,
    ),
    Case("rows dropped, numbers alone", "a.csv", table(["frame"], [([i], cells(i)) for i in KEPT]), RAMP, GAP),
    Case(
        "rows dropped, times alone",
        "a.csv",
        table(["time_seconds"], [([i / 30], cells(i)) for i in KEPT]),
        RAMP,
        GAP,
        30.0,
    ),
    Case(
        "rows dropped and counted anew",
        "a.csv",
        table(["frame", "time_seconds"], [([n, i / 25], cells(i)) for n, i in enumerate(KEPT)]),
        RAMP,
        GAP,
    ),
    Case(
        "rows dropped, milliseconds of 29.97",
        "a.csv",
        table(["timestamp_ms"], [([round(i * 1001 / 30)], cells(i)) for i in KEPT]),
        RAMP,
        GAP,
        30000 / 1001,
    ),
    Case(
        "rows dropped, a rate",
        "a.csv",
        table(["frame_id", "fps"], [([i, 50], cells(i)) for i in KEPT]),
        RAMP,
        GAP,
        50.0,
    ),
    Case("shuffled", "a.csv", table(["frame"], [([i], cells(i)) for i in SHUFFLED]), RAMP[:25]),
    Case("shuffled times", "a.csv", table(["time"], [([i / 25], cells(i)) for i in SHUFFLED]), RAMP[:25]),
    Case("numbers from 1", "a.csv", table(["frame"], [([i + 1], cells(i)) for i in range(9)]), RAMP[:9]),
    Case(
        "the first frame is lost",
        "a.csv",
        table(["frame", "time_seconds"], [([i, i / 25], cells(i)) for i in range(1, 9)]),
        [1.0, *RAMP[1:9]],
        frozenset([0]),
    ),
    Case(
        "begins at frame 4",
        "a.csv",
        table(["frame"], [([i], cells(i)) for i in range(4, 9)]),
        [4.0] * 4 + RAMP[4:9],
        frozenset(range(4)),
    ),
    Case(
        "60 fps", "a.csv", table(["time_seconds"], [([round(i / 60, 3)], cells(i)) for i in range(50)]), RAMP, fps=60.0
    ),
    Case(
        "60 fps as timestamp", "a.csv", table(["timestamp"], [([i / 60], cells(i)) for i in range(50)]), RAMP, fps=60.0
    ),
    Case("number twice", "a.csv", table(["frame"], [([i // 2], cells(i)) for i in range(6)]), error="2 times"),
    Case(
        "BOM, spaces, capitals",
        "a.csv",
        table(["Frame", "Time_Seconds"], [([i, i / 50], cells(i)) for i in range(1, 6)], comma=", ", start="\ufeff"),
        [1.0, *RAMP[1:6]],
        frozenset([0]),
        50.0,
    ),
    # Which clip, track or face.
    Case(
        "two clips",
        "a.csv",
        table(["clip", "frame"], [([c, i], cells(i)) for c in "ab" for i in range(5)]),
        error="expected one clip, got 2: a, b; choose one with track=, or --track",
    ),
    Case(
        "one of two clips",
        "a.csv",
        table(["clip", "frame"], [([c, i], cells(i + k)) for k, c in enumerate("ab") for i in range(5)]),
        RAMP[1:6],
        chosen={"track": "b"},
    ),
    Case(
        "no such clip",
        "a.csv",
        table(["clip", "frame"], [([c, i], cells(i)) for c in "ab" for i in range(5)]),
        chosen={"track": "c"},
        error="a track out of a, b, got 'c'",
    ),
    Case("a single clip", "a.csv", table(["clip", "frame"], [(["a", i], cells(i)) for i in range(5)]), RAMP[:5]),
    Case(
        "two people in turn",
        "a.csv",
        table(["person_id", "frame"], [([p, i], cells(i + 9 * p)) for i in range(5) for p in (0, 1)]),
        error="one person_id, got 2: 0, 1; choose one with face=",
    ),
    Case(
        "one of two people",
        "a.csv",
        table(["person_id", "frame"], [([p, i], cells(i + 9 * p)) for i in range(5) for p in (0, 1)]),
        RAMP[9:14],
        chosen={"face": 1},
    ),
    Case(
        "three faces of a picture",
        "a.csv",
        table(["face", "confidence"], [([f, 0.9], cells(f)) for f in range(3)]),
        error="one face, got 3: 0, 1, 2",
    ),
    Case(
        "one face of a picture",
        "a.csv",
        table(["face", "confidence"], [([f, 0.9], cells(f)) for f in range(3)]),
        [2.0],
        chosen={"face": "2"},
    ),
    # Lost frames.
    Case(
        "empty cells",
        "a.csv",
        table(["frame"], [([i], EMPTY if i in (2, 3) else cells(i)) for i in range(6)]),
        RAMP[:6],
        frozenset([2, 3]),
    ),
    Case(
        "success without confidence",
        "a.csv",
        table(["frame", "success"], [([i, int(i != 2)], NO_FACE if i == 2 else cells(i)) for i in range(6)]),
        RAMP[:6],
        frozenset([2]),
    ),
    Case("a word", "a.csv", table(["frame"], [([i], ["left", *cells(i)[1:]]) for i in range(3)]), error="left"),
    Case(
        "half a frame is empty",
        "a.csv",
        table(["frame"], [([i], ["", *cells(i)[1:]]) for i in range(3)]),
        error="finite",
    ),
    # OpenFace.
    Case("OpenFace", "a.csv", openface(seen(range(1, 51))), RAMP, fps=30.0),
    Case(
        "OpenFace, lost",
        "a.csv",
        openface([(*row[:4], 0, NO_FACE) if 21 <= row[0] <= 30 else row for row in seen(range(1, 51))]),
        RAMP,
        frozenset(range(20, 30)),
        30.0,
    ),
    Case(
        "OpenFace begins at frame 6",
        "a.csv",
        openface(seen(range(6, 51)), comma=", "),
        [5.0] * 5 + RAMP[5:],
        frozenset(range(5)),
        30.0,
    ),
    Case(
        "OpenFace begins at frame 6 of 59.94",
        "a.csv",
        openface(seen(range(6, 51), 60000 / 1001)),
        [5.0] * 5 + RAMP[5:],
        frozenset(range(5)),
        60000 / 1001,
    ),
    Case(
        "OpenFace, -nan(ind)",
        "a.csv",
        openface([(*row[:3], 0, 0, NAN) if row[0] == 20 else row for row in seen(range(1, 31))]),
        RAMP[:30],
        frozenset([19]),
        30.0,
    ),
    Case(
        "OpenFace, a stray face", "a.csv", openface([*seen(range(1, 21)), *seen([7, 8], face=1)]), RAMP[:20], fps=30.0
    ),
    Case(
        "OpenFace, two faces",
        "a.csv",
        openface([*seen(range(1, 21)), *seen(range(7, 21), face=1)]),
        error="one face_id, got 2: 0, 1",
    ),
    Case(
        "OpenFace, the second face",
        "a.csv",
        openface([*seen(range(1, 21)), *seen(range(7, 21), face=1)]),
        [6.0] * 6 + RAMP[6:20],
        frozenset(range(6)),
        30.0,
        chosen={"face": 1},
    ),
    Case(
        "nobody",
        "a.csv",
        openface([(*row[:4], 0, NO_FACE) for row in seen(range(1, 6))]),
        error="no frame shows a face",
    ),
    # COCO.
    Case(
        "COCO",
        "a.json",
        coco([{"id": i, "frame_id": i} for i in range(5)], [labelled(i, i) for i in range(5)], fps=30),
        RAMP[:5],
        fps=30.0,
    ),
    Case(
        "COCO, every fifth frame",
        "a.json",
        coco([{"id": i, "frame_id": i} for i in range(0, 50, 5)], [labelled(i, i) for i in range(0, 50, 5)], fps=25),
        RAMP[:46],
        frozenset(i for i in range(46) if i % 5),
    ),
    Case(
        "COCO, times",
        "a.json",
        coco([{"id": i, "timestamp": i / 60} for i in KEPT], [labelled(i, i) for i in KEPT]),
        RAMP,
        GAP,
        60.0,
    ),
    Case(
        "COCO, an image without a face",
        "a.json",
        coco([{"id": i, "frame_id": i} for i in range(5)], [labelled(i, i) for i in (0, 1, 3, 4)], fps=25),
        RAMP[:5],
        frozenset([2]),
    ),
    Case(
        "COCO, scores of 0",
        "a.json",
        coco(
            [{"id": i, "frame_id": i} for i in range(5)],
            [labelled(i, i, keypoint_scores=[float(i != 2)] * POINTS) for i in range(5)],
            fps=25,
        ),
        RAMP[:5],
        frozenset([2]),
    ),
    Case(
        "COCO, shuffled",
        "a.json",
        coco([{"id": i, "frame_id": 8 - i} for i in range(9)], [labelled(i, 8 - i) for i in range(9)], fps=25),
        RAMP[:9],
    ),
    Case(
        "COCO, the largest face",
        "a.json",
        coco(
            [{"id": i, "frame_id": i} for i in range(5)],
            [labelled(i, i + s, scale=1 - s / 9) for s in (3, 0) for i in range(5)],
            fps=25,
        ),
        RAMP[:5],
    ),
    Case(
        "COCO, bodies beside faces",
        "a.json",
        coco(
            [{"id": i, "frame_id": i} for i in range(5)],
            [{"image_id": i, "category_id": 2, "keypoints": [9, 9, 2] * 17} for i in range(5)]
            + [labelled(i, i) for i in range(5)],
            fps=25,
        ),
        RAMP[:5],
    ),
    Case(
        "COCO, two videos",
        "a.json",
        coco(
            [{"id": 100 * v + i, "frame_id": i, "vid_id": f"vid{v}"} for v in (0, 1) for i in range(5)],
            [labelled(100 * v + i, i) for v in (0, 1) for i in range(5)],
        ),
        error="expected one vid_id, got 2: vid0, vid1",
    ),
    Case(
        "COCO, two folders",
        "a.json",
        coco(
            [{"id": 100 * v + i, "frame_id": i, "file_name": f"{v}/{i}.jpg"} for v in (4, 5) for i in range(5)],
            [labelled(100 * v + i, i) for v in (4, 5) for i in range(5)],
        ),
        error="expected one video, got 2: 4, 5",
    ),
    Case(
        "COCO, one of two videos",
        "a.json",
        coco(
            [{"id": 100 * v + i, "frame_id": i, "vid_id": f"vid{v}"} for v in (0, 1) for i in range(5)],
            [labelled(100 * v + i, v + i) for v in (0, 1) for i in range(5)],
        ),
        RAMP[1:6],
        chosen={"track": "vid1"},
    ),
    Case(
        "COCO, two tracks",
        "a.json",
        coco(
            [{"id": i, "frame_id": i} for i in range(5)],
            [labelled(i, i + t, track_id=t) for i in range(5) for t in (0, 1)],
        ),
        error="expected one track_id, got 2",
    ),
    Case(
        "COCO, one of two tracks",
        "a.json",
        coco(
            [{"id": i, "frame_id": i} for i in range(5)],
            [labelled(i, i + t, track_id=t) for i in range(5) for t in (0, 1)],
        ),
        RAMP[1:6],
        chosen={"track": 1},
    ),
    Case(
        "COCO, one image",
        "a.json",
        coco(
            [{"id": i, "frame_id": i, "file_name": f"v/{i:03d}.jpg"} for i in range(5)],
            [labelled(i, i) for i in range(5)],
            fps=25,
        ),
        [3.0],
        chosen={"image": "003.jpg"},
    ),
    # Points per frame.
    Case("frames", "a.json", listing([listed(i, frame=i) for i in range(5)], fps=30), RAMP[:5], fps=30.0),
    Case(
        "frames at 60 fps",
        "a.json",
        listing([listed(i, time_seconds=round(i / 60, 6)) for i in range(50)]),
        RAMP,
        fps=60.0,
    ),
    Case("frames dropped", "a.json", listing([listed(i, frame=i) for i in KEPT], num_frames=50, fps=25), RAMP, GAP),
    Case(
        "frames without points",
        "a.json",
        listing([{**listed(i), "frame": i, **({"points": None} if i == 2 else {})} for i in range(5)]),
        RAMP[:5],
        frozenset([2]),
    ),
    Case(
        "frames of two faces",
        "a.json",
        listing([listed(i, frame=i, face_id=f) for i in range(5) for f in (0, 1)]),
        error="expected one face_id, got 2: 0, 1",
    ),
    Case("frames with a BOM", "a.frames.json", "\ufeff" + listing([listed(i, frame=i) for i in range(5)]), RAMP[:5]),
]
