"""Heads in space: a face in a picture is lifted by a 3-D mean face, turned, and projected into the picture again.

Axes are those of the picture: x right, y down, z away from the viewer. Angles are in radians: positive yaw turns the
face to the left of the picture, positive pitch down, positive roll clockwise, as in kp-io. The projection is weak
perspective, that is parallel rays and a scale.
"""

from functools import lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from a2k_nets.blocks.constants import constant, select_points
from a2k_nets.head.mean_face import EYE_DISTANCE, mean_face_3d

#: Points that move with the skull and not with speech, as in kp-io's layout.
STABLE_POINTS = (27, 28, 29, 30, 33, 36, 39, 42, 45)

#: Steps of the fit; noise-free points need three, noisy ones up to six.
_STEPS = 8

#: Keeps the step of the fit finite where an angle has no influence.
_DAMPING = 1e-6

#: Bounds lengths from below, in the unit of the points.
_MIN_LENGTH = 1e-9


class LiftedFace(NamedTuple):
    """A face with depth, and the pose of its head in the picture.

    Attributes:
        angles: `(…, 3)` yaw, pitch and roll, radians.
        scale: `(…,)` units of the picture per millimetre.
        origin: `(…, 2)` where the nose root of the mean face lies in the picture; the head turns about it.
        depth: `(…, K)` z of every point in this pose, in the unit of the picture: that of the mean face.
        rotation: `(…, 3, 3)` from a face that looks at the viewer to this pose: that of the angles, in double precision
            (on the CPU where the device has none).
    """

    angles: Float[Tensor, "... 3"]
    scale: Float[Tensor, "..."]
    origin: Float[Tensor, "... 2"]
    depth: Float[Tensor, "... k"]
    rotation: Float64[Tensor, "... 3 3"]

    @property
    def eye_distance(self) -> Float[Tensor, "..."]:
        """Distance of the outer eye corners of a mean face of this size, seen from the front: the unit of shifts."""
        return EYE_DISTANCE * self.scale


def lift(face: Float[Tensor, "... 68 2"]) -> LiftedFace:
    """Return the pose of the head of iBUG-68 faces, fitted to the stable points, and the depth of every point.

    It is the pose of least squares under weak perspective, as of kp-io's `split_head_pose(method="mean-face")`. Faces
    whose stable points coincide have angles of 0.

    Args:
        face: Points of any unit.

    Example:
        >>> from a2k_nets.head.mean_face import mean_face_3d
        >>> lifted = lift(2 * mean_face_3d()[:, :2].float() + 100)
        >>> lifted.scale, lifted.origin.round(), bool((lifted.angles.abs() < 1e-5).all())
        (tensor(2.), tensor([100., 100.]), True)
    """
    points = _double(face)
    model, stable, inverse = _model(points.device)
    target = select_points(points, STABLE_POINTS)
    mean = target.mean(dim=-2, keepdim=True)
    target = target - mean
    yaw, pitch = _first_guess(inverse @ target)
    for _ in range(_STEPS):
        yaw, pitch = _improve(yaw, pitch, stable, target)
    a, b, _ = _fit_in_plane(*_turned(yaw, pitch, stable), target)
    roll, scale = torch.atan2(b, a), torch.hypot(a, b)
    angles = torch.stack((yaw, pitch, roll), dim=-1)
    posed = scale[..., None, None] * (model @ rotation_matrix(angles).mT)
    origin = mean.squeeze(-2) - select_points(posed, STABLE_POINTS)[..., :2].mean(dim=-2)
    angles, scale, origin, depth = (x.to(face.dtype).to(face.device) for x in (angles, scale, origin, posed[..., 2]))
    return LiftedFace(angles, scale, origin, depth, rotation_matrix(_double(angles)))


def project(
    shape: Float[Tensor, "b t 68 2"], lifted: LiftedFace, motion: Float[Tensor, "b t 6"]
) -> Float[Tensor, "b t 68 2"]:
    """Return faces moved by their heads; without motion they stay as they are.

    A face in the pose of the reference, with any expression, gets the depth of the lifted reference, so what the lips
    and brows do is turned with the head and foreshortens.

    Args:
        shape: Faces in the pose of the reference.
        lifted: The references, `(B, …)`.
        motion: Yaw, pitch and roll (radians, added to those of the reference), shift x and y (distances of the outer
            eye corners), natural logarithm of the scale.

    Example:
        >>> from a2k_nets.head.mean_face import mean_face_3d
        >>> face = mean_face_3d()[None, :, :2].float()
        >>> nod = torch.tensor([0.0, 0.2, 0.0, 0.0, 0.0, 0.0]).expand(1, 1, 6)
        >>> nose_tip = project(face[:, None], lift(face), nod)[0, 0, 30]
        >>> bool(nose_tip[1] > face[0, 30, 1])
        True
    """
    return project_to(shape, lifted, _double(lifted.angles)[:, None] + _double(motion[..., :3]), motion[..., 3:])


def project_to(
    shape: Float[Tensor, "b t 68 2"],
    lifted: LiftedFace,
    angles: Float[Tensor, "b t 3"],
    shift_and_scale: Float[Tensor, "b t 3"],
) -> Float[Tensor, "b t 68 2"]:
    """Return faces moved as by `project`, for the angles that the heads have then, and the rest of the motion."""
    growth = _double(shift_and_scale[..., 2:].exp())[..., None]
    # Only the difference to a head at rest is added, which is 0 without motion.
    change = rotation_matrix(_double(angles))[..., :2, :] @ lifted.rotation[:, None].mT * growth - _two_axes(growth)
    change = change.to(shape.dtype).to(shape.device)
    flat = shape - lifted.origin[:, None, None]
    moved = flat @ change[..., :2].mT + lifted.depth[:, None, :, None] * change[..., None, :, 2]
    shift = lifted.eye_distance[:, None, None] * shift_and_scale[..., :2]
    return shape + moved + shift[..., None, :]


def measure_motion(keypoints: Float[Tensor, "b t 68 2"], lifted: LiftedFace) -> Float[Tensor, "b t 6"]:
    """Return the motion of heads relative to lifted references: what `project` applies.

    Args:
        keypoints: Faces over time, in the picture of the references.
        lifted: The references, `(B, …)`.
    """
    pose = lift(keypoints)
    angles = pose.angles - lifted.angles[:, None]
    turns = torch.atan2(torch.sin(angles), torch.cos(angles))
    shift = (pose.origin - lifted.origin[:, None]) / lifted.eye_distance[:, None, None].clamp(min=_MIN_LENGTH)
    log_scale = (pose.scale.clamp(min=_MIN_LENGTH) / lifted.scale[:, None].clamp(min=_MIN_LENGTH)).log()
    return torch.cat((turns, shift, log_scale[..., None]), dim=-1)


def rotation_matrix(angles: Float[Tensor, "... 3"]) -> Float[Tensor, "... 3 3"]:
    """Return R = Rz(roll) Rx(pitch) Ry(yaw) for yaw, pitch, roll in radians.

    Example:
        >>> rotation_matrix(torch.zeros(3)).diagonal()
        tensor([1., 1., 1.])
    """
    # Every element is a sum of products of a cosine, a sine or 1 of each angle. One product with a table of them takes
    # a third of the operations, whose number is what a frame of a live stream costs.
    factors = torch.stack((torch.cos(angles), torch.sin(angles), torch.ones_like(angles)), dim=-1)
    yaw, pitch, roll = factors.unbind(dim=-2)
    products = roll[..., :, None, None] * pitch[..., None, :, None] * yaw[..., None, None, :]
    elements: Tensor = products.flatten(-3) @ constant(_ELEMENTS, angles.dtype, angles.device).view(27, 9)
    return elements.view(*angles.shape[:-1], 3, 3)


def _element_table() -> tuple[float, ...]:
    """Return the share of each of the 27 products in each of the 9 elements of a rotation matrix, row by row."""
    elements = (
        ("c1c -sss", "-sc1", "c1s ssc"),
        ("s1c css", "cc1", "s1s -csc"),
        ("-1cs", "1s1", "1cc"),
    )
    table = torch.zeros(27, 9)
    for column, element in enumerate(element for row in elements for element in row):
        for term in element.split():
            roll, pitch, yaw = ("cs1".index(factor) for factor in term.lstrip("-"))
            table[9 * roll + 3 * pitch + yaw, column] = -1 if term.startswith("-") else 1
    return tuple(table.flatten().tolist())


# Of each product: the cosine (c), the sine (s) or none of roll, pitch and yaw.
_ELEMENTS = _element_table()


def _two_axes(like: Tensor) -> Float[Tensor, "2 3"]:
    """Return the first two rows of the identity."""
    return constant((1.0, 0.0, 0.0, 0.0, 1.0, 0.0), like.dtype, like.device).view(2, 3)


@lru_cache(maxsize=16)
def _model(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean face, its centred stable points `(P, 3)`, and their pseudo-inverse `(3, P)`."""
    with torch.inference_mode(False):
        face = mean_face_3d()
        stable = face[list(STABLE_POINTS)] - face[list(STABLE_POINTS)].mean(dim=0)
        return face.to(device), stable.to(device), torch.linalg.pinv(stable).to(device)


def _double(x: Tensor) -> Tensor:
    """Return x in double precision, on the CPU if its device has none, as Apple's GPUs."""
    return (x.cpu() if x.device.type == "mps" else x).double()


def _first_guess(affine: Float[Tensor, "... 3 2"]) -> tuple[Tensor, Tensor]:
    """Return yaw and pitch of the best affine map: the third row of the rotation is normal to the first two."""
    x, y, z = torch.linalg.cross(affine[..., 0], affine[..., 1], dim=-1).unbind(dim=-1)
    return torch.atan2(-x, z), torch.atan2(y, torch.hypot(x, z))


def _turned(yaw: Tensor, pitch: Tensor, model: Float[Tensor, "p 3"]) -> tuple[Tensor, Tensor]:
    """Return x and y of the model's points after yaw and pitch."""
    sy, cy, sp, cp = (f(angle)[..., None] for angle in (yaw, pitch) for f in (torch.sin, torch.cos))
    x, y, z = model.unbind(dim=-1)
    return x * cy + z * sy, (x * sy - z * cy) * sp + y * cp


def _fit_in_plane(x: Tensor, y: Tensor, target: Float[Tensor, "... p 2"]) -> tuple[Tensor, Tensor, Tensor]:
    """Return a and b of the best map p ↦ [[a, -b], [b, a]] p from centred points, and the points' energy."""
    energy = (x * x + y * y).sum(dim=-1)
    a = (x * target[..., 0] + y * target[..., 1]).sum(dim=-1) / energy
    b = (x * target[..., 1] - y * target[..., 0]).sum(dim=-1) / energy
    return a, b, energy


def _improve(
    yaw: Tensor, pitch: Tensor, model: Float[Tensor, "p 3"], target: Float[Tensor, "... p 2"]
) -> tuple[Tensor, Tensor]:
    """Return yaw and pitch after a Gauss-Newton step; roll and scale are fitted in every step (variable projection)."""
    x, y = _turned(yaw, pitch, model)
    a, b, energy = (value[..., None] for value in _fit_in_plane(x, y, target))
    residual_x, residual_y = target[..., 0] - a * x + b * y, target[..., 1] - b * x - a * y
    sy, cy, sp, cp = (f(angle)[..., None] for angle in (yaw, pitch) for f in (torch.sin, torch.cos))
    mx, my, mz = model.unbind(dim=-1)
    slopes = ((mz * cy - mx * sy, (mx * cy + mz * sy) * sp), (torch.zeros_like(x), (mx * sy - mz * cy) * cp - my * sp))
    columns = []
    for dx, dy in slopes:
        # Without what roll and scale can do as well.
        along = (x * dx + y * dy).sum(dim=-1, keepdim=True) / energy
        across = (x * dy - y * dx).sum(dim=-1, keepdim=True) / energy
        dx, dy = dx - along * x + across * y, dy - across * x - along * y
        columns.append((a * dx - b * dy, b * dx + a * dy))
    (ux, uy), (vx, vy) = columns
    uu, uv, vv = ((p * q + r * s).sum(dim=-1) for p, q, r, s in ((ux, ux, uy, uy), (ux, vx, uy, vy), (vx, vx, vy, vy)))
    gu, gv = ((p * residual_x + q * residual_y).sum(dim=-1) for p, q in columns)
    damping = _DAMPING * (uu + vv) + _MIN_LENGTH**2
    uu, vv = uu + damping, vv + damping
    determinant = uu * vv - uv * uv
    return yaw + (gu * vv - gv * uv) / determinant, pitch + (gv * uu - gu * uv) / determinant
