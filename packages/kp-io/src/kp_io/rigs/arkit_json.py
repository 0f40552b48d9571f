"""Blend shapes and the motion of the head as JSON."""

import json
from pathlib import Path

from kp_io.keypoints.sequence import KeypointSequence
from kp_io.rigs.arkit_names import ARKIT_NAMES, NOT_DERIVED
from kp_io.rigs.arkit_shapes import derive_blend_shapes
from kp_io.rigs.head_track import track_head


def write_arkit_json(path: Path, sequence: KeypointSequence) -> None:
    """Write the names, which of them are always 0, and one line of JSON per frame."""
    head = {
        "format": "arkit-blend-shapes",
        "version": 1,
        "fps": sequence.fps,
        "num_frames": len(sequence),
        "names": ARKIT_NAMES,
        "not_derived": sorted(NOT_DERIVED),
        "units": "weights 0 to 1; yaw to the person's right, pitch down, roll clockwise in the picture, radians; "
        "x to the right of the picture, y down, millimetres from the first frame",
        "detector": sequence.detector,
    }
    track, weights = track_head(sequence), derive_blend_shapes(sequence).tolist()
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}") + ',\n "frames": [')
        for frame, row in enumerate(weights):
            yaw, pitch, roll = (round(angle, 6) for angle in track.angles[frame].tolist())
            x, y, z = (round(length, 3) for length in track.translation[frame].tolist())
            record = {
                "frame": frame,
                "time_seconds": round(frame / sequence.fps, 6),
                "weights": [round(weight, 6) for weight in row],
                "head": {"yaw": yaw, "pitch": pitch, "roll": roll, "x": x, "y": y, "z": z},
            }
            file.write(("," if frame else "") + "\n  " + json.dumps(record))
        file.write("\n ]\n}\n")
