"""Errors of generated keypoints with head motion: L1, PCK, and the face without its pose."""

from math import nan

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_train.data.clip import Clip
from a2k_train.statistics.head.labels import EYE_DISTANCE
from kp_io import IBUG68, split_head_pose
from kp_metrics import keypoint_l1, pck

#: Names of the errors, in the order of `keypoint_errors`.
ERRORS = ("l1", "pck", "pose_free")


def keypoint_errors(points: Float[Tensor, "s t k 2"], clip: Clip, *, pose_free: bool = True) -> Float[Tensor, "s 3"]:
    """Return the errors of each seed's keypoints for a clip; frames without a measured face are left out.

    Returns:
        Mean absolute coordinate error in % of the reference's eye distance; PCK at 0.02 of the sequence's box, %; and
        the distance of the mean pose-free face from that of the reference, % of the mean face's eye distance. The pose
        is that of the mean face in space, so that a turned head is not taken for another face. The last one is above 0
        for real clips, and NaN without `pose_free`, since it takes the most time.
    """
    target = clip.keypoints[..., :2].cpu()
    mask = clip.measured.cpu()[:, None].expand(target.shape[:2])
    eyes = float((target[0, IBUG68.left_eye_corner] - target[0, IBUG68.right_eye_corner]).norm())
    found = []
    for seed in points:
        l1 = 100 * float(keypoint_l1(seed, target, mask=mask)) / eyes
        hits = 100 * float(pck(seed, target, mask=mask))
        face = _pose_free_error(seed[mask[:, 0]], target[0]) if pose_free else nan
        found.append([l1, hits, face])
    return torch.tensor(found)


def _pose_free_error(points: Float[Tensor, "t k 2"], reference: Float[Tensor, "k 2"]) -> float:
    faces, _ = split_head_pose(torch.cat((reference[None], points)), method="mean-face")
    return 100 * float((faces[1:].mean(dim=0) - faces[0])[:, :2].norm(dim=-1).mean()) / EYE_DISTANCE
