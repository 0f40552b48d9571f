"""The motion of a head bone as a BVH file, for Blender, Maya, Unreal and Unity."""

import math
from pathlib import Path

from kp_io.keypoints.sequence import KeypointSequence
from kp_io.rigs.head_track import track_head

#: Length of the bone, from the nose root to the top of the head, in millimetres.
_LENGTH = 120.0

_HIERARCHY = f"""HIERARCHY
ROOT Head
{{
  OFFSET 0.0 0.0 0.0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  End Site
  {{
    OFFSET 0.0 {_LENGTH / 10:.1f} 0.0
  }}
}}
"""


def write_bvh(path: Path, sequence: KeypointSequence) -> None:
    """Write one bone `Head` in centimetres and degrees; y is up, and the face looks along z, to the camera.

    The axes x, y, z of the picture become x, -y, -z. So R = Rz(roll) Rx(pitch) Ry(yaw) becomes Rz(-roll) Rx(pitch)
    Ry(-yaw), in the order of the file's channels.
    """
    track = track_head(sequence)
    lines = [f"MOTION\nFrames: {len(sequence)}\nFrame Time: {1 / sequence.fps:.8f}"]
    for (x, y, z), (yaw, pitch, roll) in zip(track.translation.tolist(), track.angles.tolist(), strict=True):
        values = (x / 10, -y / 10, -z / 10, *map(math.degrees, (-roll, pitch, -yaw)))
        # Adding 0 turns -0 into 0.
        lines.append(" ".join(f"{round(value, 5) + 0:.5f}" for value in values))
    path.write_text(_HIERARCHY + "\n".join(lines) + "\n", encoding="ascii")
