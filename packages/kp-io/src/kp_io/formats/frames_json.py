"""Keypoints as plain JSON, a list of points for every frame: for Blender, Unity and scripts in any language.

Points are objects with the members x, y (and z), not lists in lists, because Unity's JsonUtility reads the former into
`Vector3[]` and cannot read the latter.
"""

import json
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from kp_io.formats.json_reader import is_number, load_json, member, whole
from kp_io.keypoints.layout import KeypointLayout, get_layout
from kp_io.keypoints.sequence import KeypointSequence

#: What the member `format` says; `version` is the only one that is read.
FRAMES_FORMAT = "keypoint-frames"
_VERSION = 1


def write_frames(path: Path, sequence: KeypointSequence) -> None:
    """Write the metadata, the parts of the face with their lines, and one line of JSON a frame."""
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
    # NumPy writes a float32 as short as is exact; going through its text keeps 0.1 from becoming 0.10000000149.
    points = sequence.keypoints.detach().cpu().numpy().astype(str).tolist()
    scores = sequence.scores.detach().cpu().numpy().astype(str).tolist()
    with path.open("w", encoding="utf-8") as file:
        opening = json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}")
        file.write(opening + ',\n "frames": [')
        for frame, (face, confidences) in enumerate(zip(points, scores, strict=True)):
            record = {
                "frame": frame,
                "time_seconds": round(frame / sequence.fps, 6),
                "points": [dict(zip(axes, map(float, point), strict=True)) for point in face],
                "scores": [float(confidence) for confidence in confidences],
            }
            file.write(("," if frame else "") + "\n  " + json.dumps(record))
        file.write("\n ]\n}\n")


def read_frames(path: Path, image_size: tuple[int, int] | None = None) -> KeypointSequence:
    """Read a file of `write_frames`; `scores`, `fps`, `layout` and `detector` may be left out.

    Raises:
        ValueError: The file is something else or damaged; the message has the line, or the path of the member.
    """
    value = load_json(path)
    try:
        return frames_from_json(value, image_size)
    except ValueError as error:
        raise ValueError(f"{path} is no valid file of keypoint frames: {error}") from error


def frames_from_json(value: dict[str, Any], image_size: tuple[int, int] | None) -> KeypointSequence:
    """Turn the JSON object of such a file into keypoints, or raise `ValueError` that says what is wrong where."""
    version = whole(value, "version", "file") if "version" in value else _VERSION
    if version != _VERSION:
        raise ValueError(f"expected version {_VERSION}, got {version}; a newer kp-io may read it")
    layout = get_layout(member(value, "layout", str, "file") if "layout" in value else "ibug68")
    frames = member(value, "frames", list, "file")
    if "num_frames" in value and whole(value, "num_frames", "file") != len(frames):
        raise ValueError(f"expected the {value['num_frames']} frames that num_frames states, got {len(frames)}")
    if not frames:
        raise ValueError("expected at least one frame in frames, got none")
    axes = _axes(frames)
    points, scores = [], []
    for index, frame in enumerate(frames):
        where = f"frames[{index}]"
        if not isinstance(frame, dict):
            raise ValueError(f"expected an object as {where}, got {type(frame).__name__}")
        points.append(_points(member(frame, "points", list, where), axes, layout, where))
        scores.append(_scores(frame, layout, where))
    if "image_width" in value or "image_height" in value or image_size is None:
        image_size = whole(value, "image_height", "file"), whole(value, "image_width", "file")
    return KeypointSequence(
        torch.tensor(points, dtype=torch.float64),
        torch.tensor(scores, dtype=torch.float64),
        fps=member(value, "fps", float, "file") if "fps" in value else 25.0,
        image_size=image_size,
        layout=layout,
        detector=member(value, "detector", str, "file") if "detector" in value else "unknown",
    )


def _axes(frames: list[Any]) -> str:
    """Return the coordinates that the file holds: all points have a z, or none is taken."""
    faces = [frame["points"] for frame in frames if isinstance(frame, dict) and isinstance(frame.get("points"), list)]
    points = list(chain.from_iterable(faces))
    return "xyz" if points and all(isinstance(point, dict) and "z" in point for point in points) else "xy"


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
