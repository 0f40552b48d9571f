"""Read a rig's files back in Blender, and compare them with what was exported. It runs in Blender's Python (`bpy`).

    python benchmarks/blender/read_rig.py talk.bvh talk.arkit.json

The files are imported as examples/blender_rig.py does it, with a mesh that has ARKit's shape keys. Then every frame is
set, and the bone and the keys are compared with the angles, millimetres and weights of the JSON. The result is printed
as one line of JSON: the largest differences, of elements of rotation matrices, in centimetres, and of weights.
"""

import importlib.util
import json
import math
import sys
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np

EXAMPLE = Path(__file__).parents[2] / "examples" / "blender_rig.py"

#: The picture's axes, x right, y down, z away, to those of the BVH: x, -y, -z; and these to Blender's, where z is up.
TO_BVH = np.diag([1.0, -1.0, -1.0])
TO_BLENDER = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]) @ TO_BVH

#: Blender's units are metres.
CENTIMETRES = 100.0


def load_example() -> ModuleType:
    """Return examples/blender_rig.py as a module."""
    spec = importlib.util.spec_from_file_location("blender_rig", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def add_face(names: list[str]) -> bpy.types.Object:
    """Add a mesh with a shape key for each name, and make it active."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    face = bpy.data.objects.new("face", bpy.data.meshes.new("face"))
    bpy.context.collection.objects.link(face)
    for name in ("Basis", *names):
        face.shape_key_add(name=name)
    bpy.context.view_layer.objects.active = face
    return face


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Return Rz(roll) Rx(pitch) Ry(yaw), `(3, 3)`, in the picture's axes, from radians."""
    (sy, sp, sr), (cy, cp, cr) = map(np.sin, (yaw, pitch, roll)), map(np.cos, (yaw, pitch, roll))
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    return about_z @ about_x @ about_y


def compare(bvh: Path, shapes: Path) -> dict[str, object]:
    """Import both files; return the number of frames and the largest differences."""
    talk = json.loads(shapes.read_text(encoding="utf-8"))
    face = add_face(talk["names"])
    num_keys = load_example().animate(str(bvh), str(shapes))
    armature = next(thing for thing in bpy.data.objects if thing.type == "ARMATURE")
    bone = armature.pose.bones["Head"]
    world = np.array(armature.matrix_world)
    rest = (world @ np.array(bone.bone.matrix_local))[:3, :3]
    rest = rest / np.linalg.norm(rest, axis=0)
    action = armature.animation_data.action
    of_rotation, of_translation, of_weights, turned = [], [], [], []
    first = None
    for record in talk["frames"]:
        bpy.context.scene.frame_set(record["frame"] + 1)
        posed = world @ np.array(bone.matrix)
        axes = posed[:3, :3] / np.linalg.norm(posed[:3, :3], axis=0)
        head = record["head"]
        expected = TO_BLENDER @ rotation(head["yaw"], head["pitch"], head["roll"]) @ TO_BLENDER.T
        of_rotation.append(np.abs(axes @ rest.T - expected).max())
        first = posed[:3, 3] if first is None else first
        translation = TO_BLENDER @ (np.array([head["x"], head["y"], head["z"]]) / 10)
        of_translation.append(np.abs(CENTIMETRES * (posed[:3, 3] - first) - translation).max())
        keys = face.data.shape_keys.key_blocks
        values = np.array([keys[name].value for name in talk["names"]])
        of_weights.append(np.abs(values - record["weights"]).max())
        turned.append(math.degrees(math.acos(min(1.0, (np.trace(expected) - 1) / 2))))
    return {
        "blender": bpy.app.version_string,
        "frames": len(talk["frames"]),
        "frames_imported": round(action.frame_range[1] - action.frame_range[0]) + 1,
        "turned_degrees": max(turned),
        "shape_keys": num_keys,
        "rotation": float(max(of_rotation)),
        "centimetres": float(max(of_translation)),
        "weights": float(max(of_weights)),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(compare(Path(sys.argv[1]), Path(sys.argv[2]))) + "\n")
