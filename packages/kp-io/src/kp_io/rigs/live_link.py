"""Blend shapes as a table like those of Epic's app Live Link Face."""

import csv
import math
from pathlib import Path

from kp_io.keypoints.sequence import KeypointSequence
from kp_io.rigs.arkit_names import ARKIT_NAMES
from kp_io.rigs.arkit_shapes import derive_blend_shapes
from kp_io.rigs.head_track import track_head

#: Columns after the 52: angles in radians. Those of the eyes are 0.
_ANGLES = (
    "HeadYaw", "HeadPitch", "HeadRoll",
    "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw", "RightEyePitch", "RightEyeRoll",
)  # fmt: skip


def write_live_link(path: Path, sequence: KeypointSequence) -> None:
    """Write `Timecode`, `BlendShapeCount`, the 52 weights, and the angles of the head, one row a frame."""
    weights, angles = derive_blend_shapes(sequence).tolist(), track_head(sequence).angles.tolist()
    names = [name[0].upper() + name[1:] for name in ARKIT_NAMES]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Timecode", "BlendShapeCount", *names, *_ANGLES])
        for frame, (row, head) in enumerate(zip(weights, angles, strict=True)):
            numbers = [f"{value:.6f}" for value in (*row, *head, *[0.0] * 6)]
            writer.writerow([timecode(frame, sequence.fps), len(ARKIT_NAMES) + len(_ANGLES), *numbers])


def timecode(frame: int, fps: float) -> str:
    """Return hours, minutes, seconds and frames of a frame's time, without dropped numbers.

    Example:
        >>> timecode(1531, 25.0)
        '00:01:01:06.000'
    """
    rate = math.ceil(fps)
    seconds = math.floor(frame / fps + 1e-9)
    number = frame - math.ceil(seconds * fps - 1e-9)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{min(number, rate - 1):02}.000"
