"""Keypoints as plain JSON, a list of points per frame: for Blender, Unity and scripts in any language.

Points are objects with the members x, y (and z), not nested lists: Unity's JsonUtility reads the former into
`Vector3[]` and cannot read the latter.
"""

import json
from pathlib import Path
from typing import Any

import torch

from kp_io.formats.json_file import integer_member, is_number, member, object_list, shortest_floats
from kp_io.keypoints.layout import KeypointLayout, get_layout
from kp_io.keypoints.sequence import KeypointSequence

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


def frames_from_json(value: dict[str, Any], image_size: tuple[int, int] | None) -> KeypointSequence:
    """Convert the JSON object of such a file to keypoints; `scores`, `fps`, `layout` and `detector` are optional."""
    version = integer_member(value, "version", "file", default=_VERSION)
    if version != _VERSION:
        raise ValueError(f"expected version {_VERSION}, got {version}; a newer kp-io may read it")
    layout = get_layout(member(value, "layout", str, "file", default="ibug68"))
    frames = object_list(value, "frames")
    if integer_member(value, "num_frames", "file", default=len(frames)) != len(frames):
        raise ValueError(f"expected the {value['num_frames']} frames that num_frames states, got {len(frames)}")
    if not frames:
        raise ValueError("expected at least one frame in frames, got none")
    faces = [(where, member(frame, "points", list, where)) for where, frame in frames]
    has_depth = all(isinstance(point, dict) and "z" in point for _, face in faces for point in face)
    points = [_points(face, "xyz" if has_depth else "xy", layout, where) for where, face in faces]
    scores = [_scores(frame, layout, where) for where, frame in frames]
    if "image_width" in value or "image_height" in value or image_size is None:
        image_size = integer_member(value, "image_height", "file"), integer_member(value, "image_width", "file")
    return KeypointSequence(
        torch.tensor(points, dtype=torch.float64),
        torch.tensor(scores, dtype=torch.float64),
        fps=member(value, "fps", float, "file", default=25.0),
        image_size=image_size,
        layout=layout,
        detector=member(value, "detector", str, "file", default="unknown"),
    )


def _points(points: list[Any], axes: str, layout: KeypointLayout, where: str) -> list[list[float]]:
    if len(points) != layout.num_keypoints:
        raise ValueError(f"expected {layout.num_keypoints} points ({layout.name}) in {where}.points, got {len(points)}")
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
