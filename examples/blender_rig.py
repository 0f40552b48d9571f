"""Drive a rig in Blender with what `kp-io convert` wrote: the head's motion, and a shape key for each blend shape.

    kp-io convert talk.npz talk.bvh && kp-io convert talk.npz talk.arkit.json
    blender face.blend --python examples/blender_rig.py -- talk.bvh talk.arkit.json

The bone `Head` comes in an armature of its own; bind or constrain the head to it. Shape keys of the active mesh with
ARKit's names get a keyframe in every frame; those it lacks are skipped.
"""

import json
import sys
from pathlib import Path

import bpy


def animate(bvh: str, shapes: str) -> int:
    """Import both files from frame 1 on; return how many of the mesh's shape keys move."""
    face = bpy.context.object
    talk = json.loads(Path(shapes).read_text(encoding="utf-8"))
    bpy.context.scene.render.fps = round(talk["fps"])
    bpy.ops.import_anim.bvh(filepath=bvh, frame_start=1, global_scale=0.01)
    keys = face.data.shape_keys.key_blocks if face is not None and face.data.shape_keys else {}
    present = [(number, keys[name]) for number, name in enumerate(talk["names"]) if name in keys]
    for frame in talk["frames"]:
        for number, key in present:
            key.value = frame["weights"][number]
            key.keyframe_insert("value", frame=frame["frame"] + 1)
    return len(present)


if __name__ == "__main__":
    animate(*sys.argv[sys.argv.index("--") + 1 :])
