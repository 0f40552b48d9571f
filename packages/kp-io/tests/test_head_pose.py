"""Head pose: what is put in comes out, and the inverse restores every face."""

import math

import pytest
import torch
from hypothesis import given, strategies as st

from kp_io import IBUG68
from kp_io.transforms import HeadPose, compose_head_pose, split_head_pose
from kp_io.transforms.mean_face_3d import mean_face_3d
from kp_io.transforms.rotation import euler_angles, rotation_matrix

METHODS = [("similarity", 2), ("rigid", 3), ("mean-face", 2)]


@given(
    seed=st.integers(0, 2**31),
    chosen=st.sampled_from(METHODS),
    size=st.floats(0.01, 4000),
    flat=st.booleans(),
)
def test_the_inverse_restores_the_input(seed, chosen, size, flat):
    method, dimensions = chosen
    points = torch.rand(5, 68, dimensions, generator=torch.Generator().manual_seed(seed)) * size
    if flat:
        points[2] = 7.0
    shape, pose = split_head_pose(points, method=method)
    assert shape.shape == (5, 68, 3 if method == "mean-face" else dimensions)
    assert float((compose_head_pose(shape, pose) - points).abs().max()) < 1e-4


def test_a_plane_pose_comes_out_as_it_was_put_in(face):
    angles = torch.tensor([0.0, 0.3, -0.5])
    scale = torch.tensor([1.0, 1.5, 0.5])
    shift = torch.tensor([[0.0, 0.0], [30.0, -7.0], [-4.0, 80.0]])
    base = face[IBUG68.base_point]
    cos, sin = torch.cos(angles), torch.sin(angles)
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], 1)
    points = base + shift[:, None] + scale[:, None, None] * ((face - base) @ turn.mT)
    points[1, 48:] += 5  # speaking is no pose
    shape, pose = split_head_pose(points)
    torch.testing.assert_close(pose.angles[:, 2].float(), angles, atol=1e-5, rtol=0)
    torch.testing.assert_close(pose.scale.float(), scale, atol=1e-5, rtol=0)
    torch.testing.assert_close(pose.shift.float(), shift, atol=1e-3, rtol=0)
    torch.testing.assert_close(shape[2].float(), face, atol=1e-3, rtol=0)
    torch.testing.assert_close(shape[1, :48].float(), face[:48], atol=1e-3, rtol=0)
    # Another face as the zero, and the head held still while the mouth goes on.
    _, again = split_head_pose(points, reference=points[1])
    assert float(again.scale[1]) == pytest.approx(1)
    still = HeadPose(0 * pose.angles, torch.ones_like(pose.scale), 0 * pose.shift, pose.centre)
    torch.testing.assert_close(compose_head_pose(shape, still), shape)


def turned(angles, scale=2.0):
    """The average face, turned in space by degrees of yaw, pitch and roll."""
    turn = rotation_matrix(torch.deg2rad(torch.tensor([[0.0, 0.0, 0.0], *angles], dtype=torch.float64)))
    return scale * (mean_face_3d() @ turn.mT) + torch.tensor([400.0, 300.0, 50.0])


POSES = [(30.0, 0.0, 0.0), (-60.0, 10.0, 5.0), (0.0, -35.0, 0.0), (20.0, 15.0, -40.0), (89.0, 0.0, 0.0)]


@pytest.mark.parametrize("method", ["rigid", "mean-face"])
def test_six_degrees_of_freedom_come_out_as_they_were_put_in(method):
    points = turned(POSES) if method == "rigid" else turned(POSES)[..., :2]
    shape, pose = split_head_pose(points, method=method)
    expected = torch.tensor([(0.0, 0.0, 0.0), *POSES], dtype=torch.float64)
    torch.testing.assert_close(torch.rad2deg(pose.angles), expected, atol=1e-3, rtol=0)
    assert pose.scale.tolist() == pytest.approx([1.0 if method == "rigid" else 2.0] * 6)
    target = points[0] if method == "rigid" else mean_face_3d()
    torch.testing.assert_close(shape, target.expand_as(shape), atol=1e-4, rtol=0)


def test_noise_and_speech_move_the_angles_little():
    points = turned(POSES[:4])[..., :2]
    points[:, 48:] += 15  # the mouth and chin are no part of the fit
    points[:, :17] += 9
    noise = torch.randn(points.shape, generator=torch.Generator().manual_seed(0)).double()
    _, pose = split_head_pose(points + 0.5 * noise, method="mean-face")
    expected = torch.tensor([(0.0, 0.0, 0.0), *POSES[:4]], dtype=torch.float64)
    assert float((torch.rad2deg(pose.angles) - expected).abs().max()) < 3


def test_signs_are_as_documented():
    nose, corner = 30, 45
    for angles, point, axis, sign in [
        ((20.0, 0, 0), nose, 0, -1),
        ((0, 20.0, 0), nose, 1, 1),
        ((0, 0, 20.0), corner, 1, 1),
    ]:
        straight, moved = turned([angles])[:, point, axis]
        assert sign * float(moved - straight) > 5


@given(st.tuples(st.floats(-3.1, 3.1), st.floats(-1.57, 1.57), st.floats(-3.1, 3.1)))
def test_angles_and_rotations_agree(angles):
    turn = rotation_matrix(torch.tensor([angles], dtype=torch.float64))
    torch.testing.assert_close(turn @ turn.mT, torch.eye(3, dtype=torch.float64)[None])
    assert float(torch.det(turn)) == pytest.approx(1)
    if abs(angles[1]) < 1.5:
        torch.testing.assert_close(euler_angles(turn)[0], torch.tensor(angles, dtype=torch.float64), atol=1e-9, rtol=0)


def test_the_average_face_is_a_face():
    face = mean_face_3d()
    torch.testing.assert_close(face[list(IBUG68.mirror)] * torch.tensor([-1.0, 1.0, 1.0]).double(), face)
    assert not face.eq(0).all(dim=1).sum() > 1  # every point has its place; the root of the nose is the zero
    assert int(face[:, 2].argmin()) == 30  # the tip of the nose is nearest to the viewer
    assert face[36, 1] < face[31, 1] < face[51, 1] < face[57, 1] < face[8, 1]
    assert math.dist(face[62].tolist(), face[66].tolist()) < 4  # it keeps its mouth shut


def test_refused(face):
    with pytest.raises(ValueError, match="3 coordinates for rigid"):
        split_head_pose(face[None], method="rigid")
    with pytest.raises(ValueError, match="68, 2"):
        split_head_pose(face[None, :5])
    with pytest.raises(ValueError, match="no reference"):
        split_head_pose(face[None], method="mean-face", reference=face)
    with pytest.raises(ValueError, match="lie apart"):
        split_head_pose(torch.ones(2, 68, 2))
