"""Keypoints as plain JSON, a list of points per frame: for Blender, Unity and scripts in any language.

Points are objects with the members x, y (and z), not nested lists: Unity's JsonUtility reads the former into
`Vector3[]` and cannot read the latter.
"""

import json
from pathlib import Path
from typing import Any

import torch

from kp_io.formats.frame_placement import LABELS, Choice, choose_rows
from kp_io.formats.json_file import integer_member, is_number, member, object_list, place_entries, shortest_floats
from kp_io.keypoints.layout import KeypointLayout, check_num_points, get_layout
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.transforms.gaps import interpolate_missing

_ONLY_ONE = Choice()

#: Values of the members `format` and `version`; no other version is read.
FRAMES_FORMAT = "keypoint-frames"
_VERSION = 1


def write_frames(path: Path, sequence: KeypointSequence) -> None:
    """Write the metadata, the parts of the face, and one line of JSON per frame."""
    height, width = sequence.image_size
    head = {
        "format": FRAMES_FORMAT,
        "version": _VERSION,
        "fps": sequence.fps,
        "num_frames": len(sequence),
        "num_points": sequence.layout.num_keypoints,
        "image_width": width,
        "image_height": height,
        "unit": "pixels of the picture, x to the right, y down, whole numbers are pixel centres",
        "layout": sequence.layout.name,
        "detector": sequence.detector,
        "parts": [
            {"name": part.name, "start": part.start, "stop": part.stop, "closed": part.closed}
            for part in sequence.layout.parts
        ],
    }
    axes = "xyz"[: sequence.keypoints.shape[2]]
    points, scores = shortest_floats(sequence.keypoints), shortest_floats(sequence.scores)
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}") + ',\n "frames": [')
        for frame, (face, confidences) in enumerate(zip(points, scores, strict=True)):
            record = {
                "frame": frame,
                "time_seconds": round(frame / sequence.fps, 6),
                "points": [dict(zip(axes, point, strict=True)) for point in face],
                "scores": confidences,
            }
            file.write(("," if frame else "") + "\n  " + json.dumps(record))
        file.write("\n ]\n}\n")


def frames_from_json(
    value: dict[str, Any], image_size: tuple[int, int] | None, choice: Choice = _ONLY_ONE
) -> KeypointSequence:
    """Convert the JSON object of such a file to keypoints; `scores`, `fps`, `layout` and `detector` are optional.

    Frames stand at their `frame` or `time_seconds`. Those that are not in the file, or whose `points` are null or
    empty, are interpolated and score 0.

    Raises:
        ValueError: A member is missing or of another type, or several faces or clips are in it and none is chosen.
    """
    version = integer_member(value, "version", "file", default=_VERSION)
    if version != _VERSION:
        raise ValueError(f"expected version {_VERSION}, got {version}; a newer kp-io may read it")
    layout = get_layout(member(value, "layout", str, "file", default="ibug68"))
    frames = object_list(value, "frames")
    if not frames:
        raise ValueError("expected at least one frame in frames, got none")
    columns = {name: [frame.get(name) for _, frame in frames] for name in sum(LABELS.values(), ())}
    columns = {name: values for name, values in columns.items() if any(value is not None for value in values)}
    frames = [frames[row] for row in choose_rows(columns, len(frames), choice)]
    total = integer_member(value, "num_frames", "file") if "num_frames" in value else None
    fps = member(value, "fps", float, "file") if "fps" in value else None
    places = place_entries(frames, fps, total=total)
    if total is not None and places.total != total and not any(columns):
        raise ValueError(f"expected the {total} frames that num_frames states, got {places.total}")
    frames = [frames[row] for row in places.rows]
    found = ["points" not in frame or frame["points"] not in (None, []) for _, frame in frames]
    seen = [(where, frame) for (where, frame), is_found in zip(frames, found, strict=True) if is_found]
    if not seen:
        raise ValueError("expected points in at least one frame, got none")
    faces = [(where, member(frame, "points", list, where)) for where, frame in seen]
    has_depth = all(isinstance(point, dict) and "z" in point for _, face in faces for point in face)
    points = [_points(face, "xyz" if has_depth else "xy", layout, where) for where, face in faces]
    measured = torch.zeros(places.total, dtype=torch.bool)
    measured[torch.from_numpy(places.frames)] = torch.tensor(found)
    keypoints = torch.zeros(places.total, layout.num_keypoints, 2 + has_depth, dtype=torch.float64)
    scores = torch.zeros(keypoints.shape[:2], dtype=torch.float64)
    keypoints[measured] = torch.tensor(points, dtype=torch.float64)
    scores[measured] = torch.tensor([_scores(frame, layout, where) for where, frame in seen], dtype=torch.float64)
    if "image_width" in value or "image_height" in value or image_size is None:
        image_size = integer_member(value, "image_height", "file"), integer_member(value, "image_width", "file")
    return KeypointSequence(
        interpolate_missing(keypoints, measured),
        scores,
        fps=places.fps,
        image_size=image_size,
        layout=layout,
        detector=member(value, "detector", str, "file", default="unknown"),
    )


def _points(points: list[Any], axes: str, layout: KeypointLayout, where: str) -> list[list[float]]:
    check_num_points(len(points), layout, f"{where}.points")
    for number, point in enumerate(points):
        if not isinstance(point, dict) or not all(is_number(point.get(axis)) for axis in axes):
            raise ValueError(f"expected numbers {' and '.join(axes)} in {where}.points[{number}], got {point!r:.60}")
    return [[float(point[axis]) for axis in axes] for point in points]


def _scores(frame: dict[str, Any], layout: KeypointLayout, where: str) -> list[float]:
    if "scores" not in frame:
        return [1.0] * layout.num_keypoints
    scores = member(frame, "scores", list, where)
    if len(scores) != layout.num_keypoints or not all(map(is_number, scores)):
        raise ValueError(f"expected {layout.num_keypoints} numbers in {where}.scores, got {len(scores)} values")
    return [float(score) for score in scores]
