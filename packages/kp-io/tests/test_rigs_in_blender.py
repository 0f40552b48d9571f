"""Blender reads of a rig's files what was written. BLENDER_PYTHON names a Python that has bpy, if this one has not."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from kp_io import KeypointSequence, save_rig
from kp_io.transforms.head_pose import HeadPose, compose_head_pose
from kp_io.transforms.mean_face_3d import mean_face_3d

READER = Path(__file__).parents[3] / "benchmarks" / "blender" / "read_rig.py"
PYTHON = os.environ.get("BLENDER_PYTHON") or (sys.executable if importlib.util.find_spec("bpy") else "")

pytestmark = pytest.mark.skipif(not PYTHON, reason="needs bpy, here or in the Python that BLENDER_PYTHON names")


def test_blender_reads_what_was_written(tmp_path):
    angles = torch.tensor(
        [[0, 0, 0], [0.5, 0, 0], [0, 0.4, 0], [0, 0, 0.3], [-0.5, 0.3, -0.2], [0.6, -0.4, 0.5]], dtype=torch.float64
    )
    shift = torch.tensor([[200.0, 200.0], [230, 200], [200, 170], [190, 210], [260, 240], [140, 150]]).double()
    faces = mean_face_3d().repeat(6, 1, 1)
    faces[3:, 65:68, 1] += 12  # the lower lip
    pose = HeadPose(angles, torch.full((6,), 2.0).double(), shift, torch.zeros(3).double())
    sequence = KeypointSequence(compose_head_pose(faces, pose).float(), image_size=(480, 480), fps=30.0)
    files = [tmp_path / "talk.bvh", tmp_path / "talk.arkit.json"]
    for path in files:
        save_rig(path, sequence)
    done = subprocess.run([PYTHON, str(READER), *map(str, files)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["frames"] == found["frames_imported"] == 6
    assert found["turned_degrees"] > 30
    assert found["shape_keys"] == 52
    assert found["rotation"] < 1e-5
    assert found["centimetres"] < 1e-3
    assert found["weights"] < 1e-5
