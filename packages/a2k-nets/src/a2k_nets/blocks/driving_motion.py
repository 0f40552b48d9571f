"""A head motion that is taken from somebody's keypoints."""

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.residual.normalizer import Normalizer


def driving_pose(driving: Float[Tensor, "b u k 2"], normalizer: Normalizer) -> Float[Tensor, "b u 4"]:
    """Return the head's pose in each frame against the first one, as the network would predict it."""
    return normalizer.encode_motion(driving, driving[:, 0])[1]


def back_and_forth(poses: Float[Tensor, "b u c"], start: int, stop: int) -> Float[Tensor, "b t c"]:
    """Return the poses of the frames from `start` to `stop`; at their end they run backwards, so that none jumps.

    Example:
        >>> back_and_forth(torch.arange(3.0)[None, :, None], 0, 7).flatten()
        tensor([0., 1., 2., 1., 0., 1., 2.])
    """
    last = poses.shape[1] - 1
    index = torch.arange(start, stop) % max(1, 2 * last)
    return poses[:, torch.minimum(index, 2 * last - index).to(poses.device)]


def check_driving(driving: Tensor, reference: Float[Tensor, "b k 2"]) -> None:
    """Refuse a driving sequence that does not fit.

    Raises:
        ValueError: It is no `(B, U, K, 2)` of the reference's B and K with at least a frame, or it is not finite.
    """
    batch, points, dims = reference.shape
    if driving.ndim != 4 or driving.shape[1] < 1 or (len(driving), *driving.shape[2:]) != (batch, points, dims):
        raise ValueError(f"expected driving keypoints ({batch}, U, {points}, {dims}), got {tuple(driving.shape)}")
    if not bool(torch.isfinite(driving).all()):
        raise ValueError("expected finite driving keypoints, got NaN or infinity")
