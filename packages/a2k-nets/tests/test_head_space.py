import math

import pytest
import torch
from skimage.data import astronaut

from a2k_nets.head.mean_face import mean_face_3d
from a2k_nets.head.space import STABLE_POINTS, lift, measure_motion, project
from kp_io import annotate_image, split_head_pose
from kp_io.keypoints import IBUG68
from kp_io.transforms.mean_face_3d import mean_face_3d as mean_face_of_kp_io

DEGREE = math.pi / 180
TURNS = [(yaw, pitch) for yaw in (-25, -10, 0, 25) for pitch in (-15, 0, 15)]


@pytest.fixture(scope="module")
def portrait():
    """The 68 points of a real face, which is turned and tilted. (1, 68, 2)"""
    return annotate_image(astronaut()).keypoints[:1]


def turns(*angles: tuple[float, ...]) -> torch.Tensor:
    """Motions of one head by yaw, pitch (and roll), degrees. (1, T, 6)"""
    return torch.stack([torch.nn.functional.pad(torch.tensor(a) * DEGREE, (0, 6 - len(a))) for a in angles])[None]


def test_the_mean_face_is_that_of_kp_io():
    assert torch.equal(mean_face_3d(), mean_face_of_kp_io())
    assert IBUG68.stable_points == STABLE_POINTS


def test_a_lifted_face_has_the_pose_that_kp_io_measures(portrait):
    face, pose = split_head_pose(portrait, method="mean-face")
    lifted = lift(portrait)
    assert torch.allclose(lifted.angles.double(), pose.angles, atol=0.1 * DEGREE)
    assert torch.allclose(lifted.scale.double(), pose.scale, rtol=1e-3)
    assert torch.allclose(lifted.origin.double(), pose.shift, atol=0.05)
    points = torch.cat((portrait - lifted.origin[:, None], lifted.depth[..., None]), dim=-1).double()
    unturned = points @ torch.linalg.inv(pose.scale * rotation(pose.angles)).mT
    assert torch.allclose(unturned, face, atol=0.1)


def rotation(angles: torch.Tensor) -> torch.Tensor:
    """Rz(roll) Rx(pitch) Ry(yaw), written as products. (3, 3)"""
    yaw, pitch, roll = angles[0].tolist()
    c, s = math.cos, math.sin
    y = torch.tensor([[c(yaw), 0, s(yaw)], [0, 1, 0], [-s(yaw), 0, c(yaw)]])
    p = torch.tensor([[1, 0, 0], [0, c(pitch), -s(pitch)], [0, s(pitch), c(pitch)]])
    r = torch.tensor([[c(roll), -s(roll), 0], [s(roll), c(roll), 0], [0, 0, 1]])
    return (r @ p @ y).double()


def test_without_motion_every_point_stays(portrait, reference):
    for face in (portrait, reference, reference.double()):
        still = project(face[:, None].expand(-1, 3, -1, -1), lift(face), torch.zeros(1, 3, 6, dtype=face.dtype))
        assert torch.equal(still, face[:, None].expand(-1, 3, -1, -1))


def test_a_turned_face_fitted_again_has_turned_by_that_angle_and_stayed_itself(portrait):
    motion = turns(*TURNS)
    turned = project(portrait[:, None].expand(-1, len(TURNS), -1, -1), lift(portrait), motion)
    face, pose = split_head_pose(torch.cat((portrait, turned[0])), method="mean-face")
    assert (pose.angles[1:] - pose.angles[:1] - motion[0, :, :3]).abs().max() < 2 * DEGREE
    own_eye_distance = (face[0, 45] - face[0, 36]).norm()
    change = (face[1:] - face[:1])[..., :2].norm(dim=-1).square().mean(dim=1).sqrt()
    assert change.max() < 0.03 * own_eye_distance
    assert torch.allclose(measure_motion(turned, lift(portrait))[..., :2], motion[..., :2], atol=2 * DEGREE)


def test_what_is_measured_is_what_was_applied():
    face = 1.3 * mean_face_3d()[None, :, :2].float() + 50  # its depth is that of the mean face, so nothing is lost
    motion = torch.tensor([[[0.3, -0.2, 0.15, 0.4, -0.25, 0.1], [-0.2, 0.1, 3.0, 0.0, 0.0, -0.3]]])
    moved = project(face[:, None].expand(-1, 2, -1, -1), lift(face), motion)
    assert torch.allclose(measure_motion(moved, lift(face)), motion, atol=1e-4)


def test_lips_of_a_turned_face_foreshorten(portrait):
    wide = portrait.clone()
    wide[:, 48:60, 0] *= 1.05
    lifted, motion = lift(portrait), turns((0.0, 0.0), (20.0, 0.0), (-20.0, 0.0))
    change = project(wide[:, None].expand(-1, 3, -1, -1), lifted, motion) - project(
        portrait[:, None].expand(-1, 3, -1, -1), lifted, motion
    )
    size = change[0, :, 48:60].norm(dim=-1)
    yaw = lifted.angles[0, 0]
    expected = torch.cos(yaw + motion[0, :, 0]) / torch.cos(yaw)
    assert torch.allclose(size / size[:1], expected[:, None].expand(-1, 12), atol=0.03)


def test_points_of_more_depth_move_further(portrait):
    yaw = turns((10.0,))
    moved = project(portrait[:, None], lift(portrait), yaw) - portrait[:, None]
    assert moved[0, 0, 30, 0] < moved[0, 0, 27, 0] < moved[0, 0, 0, 0]  # positive yaw turns the nose to the left


def test_faces_of_a_batch_do_not_touch_each_other(portrait, reference):
    both = torch.cat((portrait, reference))
    motion = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(0)) * 0.1
    together = project(both[:, None].expand(-1, 4, -1, -1), lift(both), motion)
    for row, face in enumerate((portrait, reference)):
        alone = project(face[:, None].expand(-1, 4, -1, -1), lift(face), motion[row : row + 1])
        assert torch.allclose(together[row], alone[0], atol=1e-4)


def test_gradients_reach_face_and_motion(portrait):
    face, motion = portrait.double().requires_grad_(), turns((5.0, 3.0)).double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda f, m: measure_motion(project(f[:, None], lift(f), m), lift(f)).sum(), (face, motion), atol=1e-4
    )


def test_a_face_without_size_has_no_pose():
    lifted = lift(torch.full((1, 68, 2), 7.0))
    assert all(bool(torch.isfinite(part).all()) for part in lifted)
    assert lifted.scale.item() == 0
