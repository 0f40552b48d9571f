"""Separate head pose (rotation, scale, position) from facial motion, and combine them again.

Axes are those of the image: x right, y down, z away from the viewer. Angles are in radians. Positive yaw turns the face
to the left of the image, positive pitch downwards, positive roll clockwise.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from kp_io.keypoints.layout import IBUG68, KeypointLayout
from kp_io.transforms.mean_face_3d import mean_face_3d
from kp_io.transforms.rotation import euler_angles, fit_weak_perspective, nearest_rotation, rotation_matrix

#: Stable points closer together than this define no direction and no size, pixels.
_MIN_SPREAD = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class HeadPose:
    """Rotation, scale and position of a head over time.

    A point p of the pose-free face is at `centre + shift + scale * R (p - centre)`, where R = Rz(roll) Rx(pitch)
    Ry(yaw); in 2-D, at the x and y of that.

    Attributes:
        angles: `(T, 3)` yaw, pitch, roll in radians; yaw and pitch are 0 for method `"similarity"`.
        scale: `(T,)`, 1 for the size of the reference; with the mean face, pixels per millimetre.
        shift: `(T, D)` pixels.
        centre: `(P,)` centre of rotation, in the coordinates of the pose-free face.
    """

    angles: Float64[Tensor, "t 3"]
    scale: Float64[Tensor, " t"]
    shift: Float64[Tensor, "t d"]
    centre: Float64[Tensor, " p"]


def split_head_pose(
    keypoints: Float[Tensor, "t k d"],
    *,
    method: Literal["similarity", "rigid", "mean-face"] | None = None,
    reference: Float[Tensor, "k d"] | None = None,
    layout: KeypointLayout = IBUG68,
) -> tuple[Float64[Tensor, "t k p"], HeadPose]:
    """Split every frame into a pose-free face and a head pose; `compose_head_pose` is the inverse.

    The pose is fitted by least squares to the points that speech does not move (`layout.stable_points`), with a scale
    that is the same in both directions. Everything is float64, which restores the input to 1e-9 px.

    Args:
        keypoints: `(T, K, 2)` or `(T, K, 3)` pixels.
        method: `"similarity"`, the default in 2-D: roll, scale and shift relative to the reference. `"rigid"`, the
            default in 3-D: all three angles. `"mean-face"`, for 2-D points: all three angles under weak perspective,
            relative to a 3-D mean face; the pose-free face keeps the person's own proportions and takes its depth from
            the mean face.
        reference: The face in zero pose, by default the first frame; not accepted with `"mean-face"`.
        layout: Meaning of the points.

    Returns:
        The pose-free face, `(T, K, D)` pixels of the reference, or `(T, K, 3)` millimetres with `"mean-face"`; and the
        pose. Frames whose stable points coincide have angles of 0 and a scale of 1.

    Raises:
        ValueError: The method does not fit the dimensions, or all stable points of the reference coincide.

    Example:
        >>> face = torch.rand(68, 2) * 100
        >>> shape, pose = split_head_pose(torch.stack((face, 2 * face)))
        >>> pose.scale, bool((shape[1] - shape[0]).abs().max() < 1e-4)
        (tensor([1., 2.], dtype=torch.float64), True)
        >>> torch.allclose(compose_head_pose(shape, pose).float(), torch.stack((face, 2 * face)))
        True
    """
    dimensions = keypoints.shape[2]
    method = method or ("similarity" if dimensions == 2 else "rigid")
    fits = {"similarity": 2, "rigid": 3, "mean-face": 2}
    if fits.get(method) != dimensions or keypoints.shape[1] != layout.num_keypoints:
        expected = f"(T, {layout.num_keypoints}, 2) for similarity and mean-face, 3 coordinates for rigid"
        raise ValueError(f"expected {expected}, got {tuple(keypoints.shape)} and method {method!r}")
    points = keypoints.double()
    if method == "mean-face":
        if reference is not None:
            raise ValueError("expected no reference with method 'mean-face', which has its own")
        return _split_by_mean_face(points, layout)
    zero = points[0] if reference is None else reference.double()
    stable = list(layout.stable_points)
    centre = zero[layout.base_point]
    target, source = points[:, stable], zero[stable]
    target_mean, source_mean = target.mean(dim=1), source.mean(dim=0)
    target, source = target - target_mean[:, None], source - source_mean
    size = source.square().sum().sqrt()
    if size < _MIN_SPREAD:
        raise ValueError("expected a reference whose stable points lie apart, got all in one place")
    sizes = target.square().sum(dim=(1, 2)).sqrt()
    degenerate = sizes < _MIN_SPREAD
    scale = torch.where(degenerate, 1.0, sizes / size)
    if dimensions == 2:
        cross = (source[:, 0] * target[..., 1] - source[:, 1] * target[..., 0]).sum(dim=1)
        roll = torch.atan2(cross, (source * target).sum(dim=(1, 2)))
        angles = torch.stack((torch.zeros_like(roll), torch.zeros_like(roll), roll), dim=1)
    else:
        angles = euler_angles(nearest_rotation(target.mT @ source))
    angles = torch.where(degenerate[:, None], 0.0, angles)
    rotation = rotation_matrix(angles)[:, :dimensions, :dimensions]
    shift = target_mean - centre - scale[:, None] * ((source_mean - centre) @ rotation.mT)
    shape = (points - centre - shift[:, None]) @ rotation / scale[:, None, None] + centre
    return shape, HeadPose(angles, scale, shift, centre)


def compose_head_pose(shape: Float[Tensor, "t k p"], pose: HeadPose) -> Float64[Tensor, "t k d"]:
    """Apply head poses to pose-free faces, `(T, K, D)` pixels; the inverse of `split_head_pose`.

    Either input may be edited first, for example to damp head motion but not the mouth.
    """
    dimensions = shape.shape[2]
    rotation = rotation_matrix(pose.angles)[:, :dimensions, :dimensions]
    posed = pose.scale[:, None, None] * ((shape.double() - pose.centre) @ rotation.mT) + pose.centre
    return posed[..., : pose.shift.shape[1]] + pose.shift[:, None]


def _split_by_mean_face(
    points: Float64[Tensor, "t k 2"], layout: KeypointLayout
) -> tuple[Float64[Tensor, "t k 3"], HeadPose]:
    model = mean_face_3d(layout).to(points.device)
    stable = list(layout.stable_points)
    rotation, scale = fit_weak_perspective(model[stable], points[:, stable])
    degenerate = scale < _MIN_SPREAD
    scale = torch.where(degenerate, 1.0, scale)
    # Rebuilt from the angles, which are what is kept: the inverse is exact even at gimbal lock.
    angles = torch.where(degenerate[:, None], 0.0, euler_angles(rotation))
    rotation = rotation_matrix(angles)
    posed = scale[:, None, None] * (model @ rotation.mT)
    shift = (points[:, stable] - posed[:, stable, :2]).mean(dim=1)
    # x and y are the point's own; depth is that of the mean face in this pose.
    lifted = torch.cat((points - shift[:, None], posed[..., 2:]), dim=2)
    return lifted @ rotation / scale[:, None, None], HeadPose(angles, scale, shift, model.new_zeros(3))
