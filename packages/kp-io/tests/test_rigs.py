"""Blend shapes, tables and bones: what moves in a face is what moves in a rig."""

import csv
import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from typer.testing import CliRunner

from kp_io import ARKIT_NAMES, KeypointSequence, derive_blend_shapes, load_keypoints, save_keypoints, save_rig
from kp_io.cli.app import app
from kp_io.keypoints.layout import IBUG68
from kp_io.rigs import NOT_DERIVED, RIG_FORMATS, track_head
from kp_io.rigs.live_link import timecode
from kp_io.transforms.head_pose import HeadPose, compose_head_pose
from kp_io.transforms.mean_face_3d import mean_face_3d
from kp_io.transforms.rotation import rotation_matrix

REST = mean_face_3d()
EYES = 90.0  # millimetres between the outer corners


def sequence(faces, **options):
    points = torch.as_tensor(faces)[..., :2].float() * 2 + 200
    return KeypointSequence(points, image_size=(480, 480), **options)


def weights(*moves):
    """The weights of a face that rests for four frames and then makes one move, points by offset in eye distances."""
    face = REST.clone()
    for points, dx, dy in moves:
        face[list(points), 0] += dx * EYES
        face[list(points), 1] += dy * EYES
    rows = derive_blend_shapes(sequence(torch.stack([*[REST] * 4, face])))
    assert torch.count_nonzero(rows[:4]) == 0
    return {name: float(value) for name, value in zip(ARKIT_NAMES, rows[4], strict=True) if value > 0.02}


def mirrored(moves):
    return [([IBUG68.mirror[point] for point in points], -dx, dy) for points, dx, dy in moves]


LOWER_LIP_AND_JAW = ([65, 66, 67, 55, 56, 57, 58, 59, *range(5, 12)], 0, 0.15)
CORNERS_SINK = ([48, 54], 0, 0.03)


class TestBlendShapes:
    def test_the_names_are_apple_s(self):
        assert len(ARKIT_NAMES) == len(set(ARKIT_NAMES)) == 52
        assert set(ARKIT_NAMES) > NOT_DERIVED
        assert len(NOT_DERIVED) == 24

    def test_a_face_at_rest_and_a_still(self):
        assert torch.count_nonzero(derive_blend_shapes(sequence(REST[None]))) == 0
        assert weights() == {}

    @pytest.mark.parametrize(
        ("moves", "expected"),
        [
            ([LOWER_LIP_AND_JAW, CORNERS_SINK], {"jawOpen": 0.5}),
            ([([48, 54], 0, -0.04)], {"mouthSmileLeft": 0.5, "mouthSmileRight": 0.5}),
            ([([54], 0.08, 0)], {"mouthLeft": 0.5, "mouthStretchLeft": 0.5, "mouthStretchRight": 0.5}),
            ([([7, 8, 9], 0.05, 0)], {"jawLeft": 0.5}),
            ([(range(48, 68), 0.04, 0)], {"mouthLeft": 0.5}),
            ([([17, 18, 25, 26], 0, -0.05)], {"browOuterUpLeft": 0.5, "browOuterUpRight": 0.5}),
            ([([21, 22], 0, -0.05)], {"browInnerUp": 0.5}),
        ],
    )
    def test_a_move_is_its_weight(self, moves, expected):
        assert weights(*moves) == pytest.approx(expected, abs=0.03)

    @pytest.mark.parametrize(
        ("moves", "name"),
        [
            ([([54], 0, -0.04)], "mouthSmileLeft"),
            ([([54], 0, 0.04)], "mouthFrownLeft"),
            ([([52, 53], 0, -0.04)], "mouthUpperUpLeft"),
            ([([55, 56], 0, 0.04)], "mouthLowerDownLeft"),
            ([([22, 23, 24], 0, 0.05)], "browDownLeft"),
        ],
    )
    def test_sides_are_the_person_s_own(self, moves, name):
        assert weights(*moves)[name] == pytest.approx(0.5, abs=0.05)
        other = weights(*mirrored(moves))
        assert other[name.replace("Left", "Right")] == pytest.approx(0.5, abs=0.05)
        assert other.get(name, 0) < 0.05

    def test_lids(self):
        face = REST.clone()
        face[[43, 44], 1] = face[[47, 46], 1]
        rows = derive_blend_shapes(sequence(torch.stack([*[REST] * 4, face])))[4]
        assert rows[ARKIT_NAMES.index("eyeBlinkLeft")] == pytest.approx(1, abs=1e-3)
        assert rows[ARKIT_NAMES.index("eyeBlinkRight")] < 0.01

    def test_a_narrow_mouth_is_a_pucker_and_an_open_one_a_funnel(self):
        narrow = [([48, 60], 0.1, 0), ([54, 64], -0.1, 0)]
        closed, opened = weights(*narrow), weights(*narrow, LOWER_LIP_AND_JAW)
        assert closed["mouthPucker"] > 0.3 > closed.get("mouthFunnel", 0)
        assert opened["mouthFunnel"] > 0.3 > opened.get("mouthPucker", 0)

    def test_the_head_s_motion_is_no_expression(self):
        angles = torch.stack(
            (torch.linspace(-0.4, 0.4, 9), torch.linspace(-0.2, 0.2, 9), torch.linspace(0.3, -0.3, 9)), dim=1
        ).double()
        pose = HeadPose(
            angles, torch.linspace(1.5, 2.5, 9).double(), torch.full((9, 2), 200.0).double(), torch.zeros(3).double()
        )
        turned = KeypointSequence(compose_head_pose(REST.expand(9, -1, -1), pose).float(), image_size=(480, 480))
        assert float(derive_blend_shapes(turned).max()) < 1e-3
        assert torch.allclose(track_head(turned).angles, angles, atol=1e-5)

    def test_a_neutral_face_of_its_own(self):
        face = REST.clone()
        face[[65, 66, 67], 1] += 0.15 * EYES
        talking = sequence(face.expand(3, -1, -1))
        assert torch.count_nonzero(derive_blend_shapes(talking)[:, ARKIT_NAMES.index("jawOpen")]) == 0
        rows = derive_blend_shapes(talking, neutral=sequence(REST[None]))
        assert rows[:, ARKIT_NAMES.index("jawOpen")].tolist() == pytest.approx([0.5] * 3, abs=0.02)

    @settings(max_examples=40)
    @given(seed=st.integers(0, 10_000), scale=st.sampled_from([0.0, 0.1, 30.0, 1e5]))
    def test_any_points_give_weights(self, seed, scale):
        points = scale * torch.randn(4, 68, 2, generator=torch.Generator().manual_seed(seed))
        rows = derive_blend_shapes(KeypointSequence(points, image_size=(480, 480)))
        assert rows.shape == (4, 52)
        assert bool(((rows >= 0) & (rows <= 1)).all())
        assert not rows[:, [name in NOT_DERIVED for name in ARKIT_NAMES]].any()


@pytest.fixture
def talk():
    """A head that turns, and a mouth that opens in every second frame."""
    faces = REST.repeat(6, 1, 1)
    faces[1::2, [65, 66, 67], 1] += 13.5
    angles = torch.tensor([[0.1 * frame, -0.05 * frame, 0.02 * frame] for frame in range(6)]).double()
    shift = torch.tensor([[200.0 + 4 * frame, 220.0 - 2 * frame] for frame in range(6)]).double()
    pose = HeadPose(angles, torch.full((6,), 2.0).double(), shift, torch.zeros(3).double())
    return KeypointSequence(compose_head_pose(faces, pose).float(), image_size=(480, 480), fps=30.0), angles, shift


class TestFiles:
    def test_the_table(self, talk, tmp_path):
        sequence, angles, _ = talk
        save_rig(tmp_path / "talk.arkit.csv", sequence)
        with (tmp_path / "talk.arkit.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0])[:3] == ["Timecode", "BlendShapeCount", "EyeBlinkLeft"]
        assert len(rows[0]) == 2 + 61
        assert [row["Timecode"] for row in rows[:2]] == ["00:00:00:00.000", "00:00:00:01.000"]
        expected = derive_blend_shapes(sequence)
        for frame, row in enumerate(rows):
            values = [float(row[name[0].upper() + name[1:]]) for name in ARKIT_NAMES]
            assert values == pytest.approx(expected[frame].tolist(), abs=1e-6)
            head = [float(row[name]) for name in ("HeadYaw", "HeadPitch", "HeadRoll")]
            assert head == pytest.approx(angles[frame].tolist(), abs=1e-4)

    def test_json(self, talk, tmp_path):
        sequence, angles, shift = talk
        save_rig(tmp_path / "talk.arkit.json", sequence)
        value = json.loads((tmp_path / "talk.arkit.json").read_text())
        assert tuple(value["names"]) == ARKIT_NAMES
        assert set(value["not_derived"]) == NOT_DERIVED
        assert (value["fps"], value["num_frames"], len(value["frames"])) == (30.0, 6, 6)
        expected = derive_blend_shapes(sequence)
        for frame, record in enumerate(value["frames"]):
            assert record["weights"] == pytest.approx(expected[frame].tolist(), abs=1e-6)
            head = record["head"]
            assert [head["yaw"], head["pitch"], head["roll"]] == pytest.approx(angles[frame].tolist(), abs=1e-4)
            # Two pixels are a millimetre.
            translation = ((shift[frame] - shift[0]) / 2).tolist()
            assert [head["x"], head["y"], head["z"]] == pytest.approx([*translation, 0], abs=0.01)

    def test_the_bone(self, talk, tmp_path):
        """Read as its format says: offsets and rotations in the order of the channels, column vectors, y up."""
        sequence, angles, shift = talk
        save_rig(tmp_path / "talk.bvh", sequence)
        text = (tmp_path / "talk.bvh").read_text()
        head, motion = text.split("MOTION\n")
        assert "CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation" in head
        frames, time, *rows = motion.splitlines()
        assert (frames, len(rows)) == ("Frames: 6", 6)
        assert float(time.removeprefix("Frame Time: ")) == pytest.approx(1 / 30)
        to_file = np.diag([1.0, -1.0, -1.0])  # the picture's y is down, and its z away
        for frame, row in enumerate(rows):
            x, y, z, *degrees = map(float, row.split())
            matrix = np.eye(3)
            for axis, angle in zip("zxy", np.radians(degrees), strict=True):
                matrix = matrix @ turn(axis, angle)
            expected = to_file @ rotation_matrix(angles[frame : frame + 1])[0].numpy() @ to_file
            assert np.abs(matrix - expected).max() < 1e-4
            translation = to_file @ np.array([*((shift[frame] - shift[0]) / 20), 0])
            assert [x, y, z] == pytest.approx(translation.tolist(), abs=1e-3)

    @pytest.mark.parametrize("suffix", RIG_FORMATS)
    def test_the_command(self, talk, tmp_path, suffix):
        save_keypoints(tmp_path / "talk.npz", talk[0])
        result = CliRunner().invoke(app, ["convert", str(tmp_path / "talk.npz"), str(tmp_path / f"talk{suffix}")])
        assert result.exit_code == 0
        assert "6 frames" in result.output
        save_rig(tmp_path / f"again{suffix}", talk[0])
        assert (tmp_path / f"talk{suffix}").read_bytes() == (tmp_path / f"again{suffix}").read_bytes()
        with pytest.raises(ValueError, match="expected"):
            load_keypoints(tmp_path / f"talk{suffix}")

    def test_an_unknown_suffix(self, talk, tmp_path):
        with pytest.raises(ValueError, match=r"ending in \.arkit\.csv, \.arkit\.json, \.bvh"):
            save_rig(tmp_path / "talk.csv", talk[0])


def turn(axis, angle):
    c, s = np.cos(angle), np.sin(angle)
    return {
        "x": np.array([[1, 0, 0], [0, c, -s], [0, s, c]]),
        "y": np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]),
        "z": np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]),
    }[axis]


@pytest.mark.parametrize(
    ("frame", "fps", "expected"),
    [
        (0, 25.0, "00:00:00:00.000"),
        (24, 25.0, "00:00:00:24.000"),
        (25, 25.0, "00:00:01:00.000"),
        (90_025, 25.0, "01:00:01:00.000"),
        (29, 29.97, "00:00:00:29.000"),
        (30, 29.97, "00:00:01:00.000"),
    ],
)
def test_timecodes(frame, fps, expected):
    assert timecode(frame, fps) == expected


@pytest.fixture
def send_vmc(monkeypatch):
    """The example, with the messages that it would send."""
    sent = []
    client = SimpleNamespace(SimpleUDPClient=lambda host, port: SimpleNamespace(send_message=lambda *m: sent.append(m)))
    monkeypatch.setitem(sys.modules, "pythonosc", SimpleNamespace(udp_client=client))
    monkeypatch.setitem(sys.modules, "pythonosc.udp_client", client)
    path = Path(__file__).parents[3] / "examples" / "send_vmc.py"
    spec = importlib.util.spec_from_file_location("send_vmc", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, sent


def test_what_the_example_sends(send_vmc, talk, tmp_path, monkeypatch):
    module, sent = send_vmc
    sequence, angles, _ = talk
    save_rig(tmp_path / "talk.arkit.json", sequence)
    monkeypatch.setattr(sys, "argv", ["send_vmc.py", str(tmp_path / "talk.arkit.json")])
    module.main()
    assert len(sent) == 6 * (1 + 52 + 2)
    for frame in range(6):
        (address, (bone, px, py, pz, *quaternion)), *values = sent[55 * frame : 55 * frame + 55]
        assert (address, bone, pz) == ("/VMC/Ext/Bone/Pos", "Head", 0)
        # Unity's axes: the picture's x and y reversed, and z to the viewer; the quaternion rotates (0, 0, 1) there.
        to_unity = np.diag([-1.0, -1.0, -1.0])
        expected = to_unity @ rotation_matrix(angles[frame : frame + 1])[0].numpy() @ to_unity
        assert np.abs(matrix_of(quaternion) - expected).max() < 1e-4
        assert (px, py) == pytest.approx((-0.002 * frame, 0.001 * frame), abs=1e-5)
        assert [address for address, _ in values] == ["/VMC/Ext/Blend/Val"] * 52 + [
            "/VMC/Ext/Blend/Apply",
            "/VMC/Ext/OK",
        ]
    assert sent[1][1][0] == "EyeBlinkLeft"


def matrix_of(quaternion):
    x, y, z, w = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


@pytest.mark.parametrize("name", ["talk.arkit.json", "talk.ARKit.csv"])
def test_keypoints_do_not_go_under_the_name_of_a_rig(talk, name, tmp_path):
    with pytest.raises(ValueError, match=r"a name of blend shapes; `kp-io convert`"):
        save_keypoints(tmp_path / name, talk[0])
    assert not list(tmp_path.iterdir())
