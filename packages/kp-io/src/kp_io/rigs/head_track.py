"""The motion of a head bone, from keypoints."""

from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from kp_io.keypoints.sequence import KeypointSequence
from kp_io.transforms.head_pose import split_head_pose


@dataclass(frozen=True, slots=True, eq=False)
class HeadTrack:
    """Rotation and translation of the head, and the face without them.

    Attributes:
        face: `(T, K, 3)` the face without the head's motion, millimetres from the nose root: x right, y down, z away
            from the viewer. A person's own proportions stay; the outer corners of the eyes are about 90 apart.
        angles: `(T, 3)` yaw, pitch, roll in radians, as in `HeadPose`, relative to a head that faces the camera.
        translation: `(T, 3)` millimetres from the first frame, x right, y down. z is 0: points in a picture do not
            tell how far away a head is.
    """

    face: Float64[Tensor, "t k 3"]
    angles: Float64[Tensor, "t 3"]
    translation: Float64[Tensor, "t 3"]


def track_head(sequence: KeypointSequence) -> HeadTrack:
    """Measure the motion of the head against the 3-D mean face; a third coordinate of the points is not used.

    Example:
        >>> from kp_io.transforms.mean_face_3d import mean_face_3d
        >>> face = mean_face_3d()[:, :2].float() + 100
        >>> track = track_head(KeypointSequence(torch.stack((face, face + 9)), image_size=(224, 224)))
        >>> track.angles.abs().max() < 1e-4, track.translation[1].round().tolist()
        (tensor(True), [9.0, 9.0, 0.0])
    """
    face, pose = split_head_pose(sequence.keypoints[..., :2], method="mean-face", layout=sequence.layout)
    millimetres = pose.shift / pose.scale.median()
    translation = torch.nn.functional.pad(millimetres - millimetres[0], (0, 1))
    return HeadTrack(face, pose.angles, translation)
