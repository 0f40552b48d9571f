"""Head motion taken from another sequence."""

import torch
from jaxtyping import Float
from torch import Tensor


def ping_pong(poses: Float[Tensor, "b u c"], start: int, stop: int) -> Float[Tensor, "b t c"]:
    """Return frames `start` to `stop` of poses that are looped back and forth, without jumps.

    Example:
        >>> ping_pong(torch.arange(3.0)[None, :, None], 0, 7).flatten()
        tensor([0., 1., 2., 1., 0., 1., 2.])
    """
    last = poses.shape[1] - 1
    index = torch.arange(start, stop) % max(1, 2 * last)
    return poses[:, torch.minimum(index, 2 * last - index).to(poses.device)]


def check_driving(driving: Tensor, reference: Float[Tensor, "b k 2"]) -> None:
    """Check the keypoints of a driving sequence.

    Raises:
        ValueError: The shape is not `(B, U, K, 2)` with B and K of the reference and U ≥ 1, or a value is not finite.
    """
    batch, points, dims = reference.shape
    if driving.ndim != 4 or driving.shape[1] < 1 or (len(driving), *driving.shape[2:]) != (batch, points, dims):
        raise ValueError(f"expected driving keypoints ({batch}, U, {points}, {dims}), got {tuple(driving.shape)}")
    if not bool(torch.isfinite(driving).all()):
        raise ValueError("expected finite driving keypoints, got NaN or infinity")
