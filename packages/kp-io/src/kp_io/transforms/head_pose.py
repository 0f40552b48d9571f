"""Where the head is and how it is turned, apart from what the face does: a split, and its inverse.

Axes are the picture's: x to the right, y down, and so z away from the viewer. Angles are radians. A positive yaw turns
the face to the picture's left, a positive pitch downwards, and a positive roll clockwise.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from kp_io.keypoints.layout import IBUG68, KeypointLayout
from kp_io.transforms.mean_face import mean_face
from kp_io.transforms.rotation import angles_of, nearest_rotation, rotation_matrix, weak_perspective

#: Stable points closer together than this have no direction and no size, pixels.
_MIN_SPREAD = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class HeadPose:
    """Position, size and turn of a head over time.

    A point p of the pose-free face stands at `centre + shift + scale * R p'`, where p' = p - centre and R = roll about
    z after pitch about x after yaw about y; of a plane picture, x and y of that.

    Attributes:
        angles: `(T, 3)` yaw, pitch, roll in radians; of a plane face, yaw and pitch are 0.
        scale: `(T,)`, 1 for the size of the reference; with the mean face, pixels a millimetre.
        shift: `(T, D)` pixels.
        centre: `(P,)` the point about which the head turns, in the space of the pose-free face.
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
    """Split every frame into a face in a standard pose, and the pose, which `compose_head_pose` puts together again.

    The pose is fitted to the points that speech does not move (`layout.stable_points`) by least squares, with the
    scale that is the same in both directions. All is float64, which restores the input to 1e-9 px.

    Args:
        keypoints: `(T, K, 2)` or `(T, K, 3)` pixels.
        method: `"similarity"`, the default of plane points: roll, scale and shift against the reference. `"rigid"`, the
            default of points in space: all three angles too. `"mean-face"`, for plane points: all three angles under
            weak perspective against `kp_io.transforms.mean_face`; what a face has of its own goes into the pose-free
            face, in which a point is as far from the viewer as the mean face's.
        reference: The face whose pose is the zero, by default the first frame; the mean face takes none.
        layout: Meaning of the points.

    Returns:
        The pose-free face, `(T, K, D)` pixels of the reference, or `(T, K, 3)` millimetres with the mean face; and the
        pose. Frames whose stable points coincide have angles of 0 and a scale of 1.

    Raises:
        ValueError: The method does not fit the points, or the reference has no size.

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
        raise ValueError(
            f"expected (T, {layout.num_keypoints}, 2) for similarity and mean-face, 3 coordinates for rigid, "
            f"got {tuple(keypoints.shape)} and method {method!r}"
        )
    points = keypoints.double()
    if method == "mean-face":
        if reference is not None:
            raise ValueError("expected no reference with method 'mean-face', which has its own")
        return _split_by_mean_face(points, layout)
    zero = points[0] if reference is None else reference.double()
    stable = list(layout.stable_points)
    centre = zero[layout.base_point]
    ours, theirs = points[:, stable], zero[stable]
    ours_mean, theirs_mean = ours.mean(dim=1), theirs.mean(dim=0)
    ours, theirs = ours - ours_mean[:, None], theirs - theirs_mean
    size = theirs.square().sum().sqrt()
    if size < _MIN_SPREAD:
        raise ValueError("expected a reference whose stable points lie apart, got all in one place")
    sizes = ours.square().sum(dim=(1, 2)).sqrt()
    flat = sizes < _MIN_SPREAD
    scale = torch.where(flat, 1.0, sizes / size)
    if dimensions == 2:
        across = (theirs[:, 0] * ours[..., 1] - theirs[:, 1] * ours[..., 0]).sum(dim=1)
        roll = torch.atan2(across, (theirs * ours).sum(dim=(1, 2)))
        angles = torch.stack((torch.zeros_like(roll), torch.zeros_like(roll), roll), dim=1)
    else:
        angles = angles_of(nearest_rotation(ours.mT @ theirs))
    angles = torch.where(flat[:, None], 0.0, angles)
    turn = rotation_matrix(angles)[:, :dimensions, :dimensions]
    shift = ours_mean - centre - scale[:, None] * ((theirs_mean - centre) @ turn.mT)
    shape = (points - centre - shift[:, None]) @ turn / scale[:, None, None] + centre
    return shape, HeadPose(angles, scale, shift, centre)


def compose_head_pose(shape: Float[Tensor, "t k p"], pose: HeadPose) -> Float64[Tensor, "t k d"]:
    """Put pose-free faces into their poses, `(T, K, D)` pixels; the inverse of `split_head_pose`.

    Either part may have been changed before, as to damp a head's motion without its mouth's.
    """
    dimensions = shape.shape[2]
    turn = rotation_matrix(pose.angles)[:, :dimensions, :dimensions]
    turned = pose.scale[:, None, None] * ((shape.double() - pose.centre) @ turn.mT) + pose.centre
    shown = pose.shift.shape[1]
    return turned[..., :shown] + pose.shift[:, None]


def _split_by_mean_face(
    points: Float64[Tensor, "t k 2"], layout: KeypointLayout
) -> tuple[Float64[Tensor, "t k 3"], HeadPose]:
    model = mean_face(layout).to(points.device)
    stable = list(layout.stable_points)
    turn, scale = weak_perspective(model[stable], points[:, stable])
    flat = scale < _MIN_SPREAD
    scale = torch.where(flat, 1.0, scale)
    # The angles are what is kept, so the turn is made of them: the inverse is exact even where they are ill-defined.
    angles = torch.where(flat[:, None], 0.0, angles_of(turn))
    turn = rotation_matrix(angles)
    shown = scale[:, None, None] * (model @ turn.mT)
    shift = (points[:, stable] - shown[:, stable, :2]).mean(dim=1)
    # A point's depth is that of the mean face's point in this pose; x and y are its own.
    placed = torch.cat((points - shift[:, None], shown[..., 2:]), dim=2)
    shape = placed @ turn / scale[:, None, None]
    return shape, HeadPose(angles, scale, shift, model.new_zeros(3))
