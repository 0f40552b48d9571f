"""Keypoints as plain JSON, a list of points per frame: for Blender, Unity and scripts in any language.

Points are objects with the members x, y (and z), not nested lists: Unity's JsonUtility reads the former into
`Vector3[]` and cannot read the latter.
"""

import json
from pathlib import Path
from typing import Any

import torch

from kp_io.formats.frame_placement import Choice
from kp_io.formats.json_file import shortest_floats
from kp_io.formats.json_frames import PointCount, integer_member, listed_frames, member
from kp_io.keypoints.layout import get_layout, layout_hint
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
    fps = member(value, "fps", float, "file") if "fps" in value else None
    frames = listed_frames(value, PointCount(layout.num_keypoints, layout.name, layout_hint), choice, fps=fps)
    if "image_width" in value or "image_height" in value or image_size is None:
        image_size = integer_member(value, "image_height", "file"), integer_member(value, "image_width", "file")
    return KeypointSequence(
        interpolate_missing(torch.from_numpy(frames.points), torch.from_numpy(frames.measured)),
        torch.from_numpy(frames.scores),
        fps=frames.fps,
        image_size=image_size,
        layout=layout,
        detector=member(value, "detector", str, "file", default="unknown"),
    )
