"""Eye aspect ratio and blink rate."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from kp_metrics.primitives.checks import (
    check_indices,
    check_keypoints,
    check_pair,
    check_positive,
    frame_mask,
    select,
    working_precision,
)
from kp_metrics.primitives.ibug68 import LEFT_EYE, RIGHT_EYE
from kp_metrics.primitives.normalizers import point_norm
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.types import Keypoints, Mask, Values


def eye_aspect_ratio(
    keypoints: Keypoints, *, right_eye: Sequence[int] = RIGHT_EYE, left_eye: Sequence[int] = LEFT_EYE
) -> Float[Tensor, "*batch t"]:
    """Return the mean over both eyes of `(‖p2−p6‖ + ‖p3−p5‖) / (2‖p1−p4‖)` (Soukupová and Čech 2016).

    Args:
        keypoints: `(..., T, K, D)`.
        right_eye: Six points: one corner, two of the upper lid, the other corner, two of the lower lid back.
        left_eye: The same for the other eye.

    Returns:
        `(..., T)`: about 0.3 for an open eye, below 0.2 for a closed one; NaN where an eye's corners coincide.

    Example:
        >>> eye = torch.tensor([[0.0, 0.0], [1.0, -1.0], [3.0, -1.0], [4.0, 0.0], [3.0, 1.0], [1.0, 1.0]])
        >>> eye_aspect_ratio(torch.cat([eye, eye])[None], right_eye=tuple(range(6)), left_eye=tuple(range(6, 12)))
        tensor([0.5000])
    """
    check_keypoints(keypoints)
    keypoints = working_precision(keypoints)
    right_eye, left_eye = check_indices(keypoints, right_eye=right_eye, left_eye=left_eye)
    ratios = []
    for name, indices in (("right_eye", right_eye), ("left_eye", left_eye)):
        if len(indices) != 6:
            raise ValueError(f"expected {name} with six keypoint indices, got {len(indices)}")
        p = [keypoints[..., index, :] for index in indices]
        ratios.append((point_norm(p[1] - p[5]) + point_norm(p[2] - p[4])) / (2 * point_norm(p[0] - p[3])))
    return (ratios[0] + ratios[1]) / 2


def blink_rate(
    preds: Keypoints,
    target: Keypoints | None = None,
    *,
    fps: float = 25.0,
    threshold: float = 0.2,
    min_frames: int = 2,
    right_eye: Sequence[int] = RIGHT_EYE,
    left_eye: Sequence[int] = LEFT_EYE,
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return the blinks per minute: runs of at least `min_frames` frames with an eye aspect ratio below `threshold`.

    This is not an error: compare it with the ground truth's value; people blink some 10 to 25 times a minute.

    Args:
        preds: `(..., T, K, D)`. Shared arguments are described in `kp_metrics.functional`.
        threshold: Eye aspect ratio below which the eyes are closed.
        min_frames: Shortest blink.
        right_eye: Six points, see `eye_aspect_ratio`.
        left_eye: The same for the other eye.
        mask: `(..., T, K)`, True where a point is valid; frames with a masked eye point count neither as closed nor as
            time.
        reduction: Reduces one value per sequence.

    Returns:
        Blinks per minute, from 0 up. NaN for a sequence without a frame with both eyes.

    Example:
        >>> eye = torch.tensor([[0.0, 0.0], [1.0, -1.0], [3.0, -1.0], [4.0, 0.0], [3.0, 1.0], [1.0, 1.0]])
        >>> face = torch.cat([eye, eye]).repeat(25, 1, 1)
        >>> face[10:13, :, 1] *= 0.1
        >>> blink_rate(face, fps=25.0, right_eye=tuple(range(6)), left_eye=tuple(range(6, 12)))
        tensor(60.)
    """
    check_pair(preds, preds if target is None else target, mask)
    check_positive(fps=fps, threshold=threshold, min_frames=min_frames)
    right_eye, left_eye = check_indices(preds, right_eye=right_eye, left_eye=left_eye)
    ratio = eye_aspect_ratio(preds, right_eye=right_eye, left_eye=left_eye)
    valid = frame_mask(preds, select(mask, [*right_eye, *left_eye]))
    closed = (ratio < threshold) & valid
    seconds = valid.sum(-1) / fps
    values = _count_runs(closed, min_frames) / seconds.clamp(min=1e-9) * 60
    values = values.masked_fill((ratio.isnan() & valid).any(-1), torch.nan)
    return reduce_values(values, seconds > 0, reduction, item_dims=0)


def _count_runs(flags: Tensor, min_frames: int) -> Tensor:
    """Return the number of runs of at least `min_frames` True."""
    if flags.shape[-1] < min_frames:
        return flags.new_zeros(flags.shape[:-1], dtype=torch.int64)
    long_enough = flags.unfold(-1, min_frames, 1).all(-1)
    starts = long_enough.clone()
    starts[..., 1:] &= ~long_enough[..., :-1]
    return starts.sum(-1)
