"""Amplitude of pose tracks against the truth, one value a component."""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.primitives.checks import check_choice, check_mask, check_positive, working_precision
from kp_metrics.primitives.time_series import CONSTANT_STD, masked_std


def head_pose_amplitude(
    preds: Float[Tensor, "*batch t c"],
    target: Float[Tensor, "*batch t c"],
    *,
    mask: Bool[Tensor, "*batch t"] | None = None,
    floor: float = CONSTANT_STD,
    reduction: Literal["mean", "sequence"] = "mean",
) -> Float[Tensor, "*out c"]:
    """Return the standard deviation of predicted over true pose tracks within each sequence, for every component.

    The tracks may be those of `head_pose`, of another fit of the pose, or any series such as brow heights: unlike
    `head_amplitude_ratio`, no keypoints are needed. Only the size of the motion counts, not when it happens.

    The mean over sequences is geometric, so that a sequence with half the motion and one with twice of it give 1. A
    prediction whose standard deviation is below `floor` counts as `floor`: one still sequence would make the mean 0.

    Args:
        preds: `(..., T, C)`, C components of T frames, in any units.
        target: The same shape and units.
        mask: `(..., T)`, True where a frame is valid in both.
        floor: Standard deviation in the units of the tracks below which a track is still.
        reduction: `"mean"`: the geometric mean over sequences; `"sequence"`: the ratios of each.

    Returns:
        `(C,)` or `(..., C)`, from 0 up; nearest 1 is best. NaN for a component whose true track is still (below
        `floor`) or that has fewer than two valid frames; the mean leaves it out.

    Raises:
        ValueError: Shapes or types do not match, `floor` is not above 0, or `reduction` is unknown.

    Example:
        >>> real = torch.randn(4, 50, 2, generator=torch.Generator().manual_seed(0))
        >>> head_pose_amplitude(real * torch.tensor([0.5, 2.0]) + 7, real)
        tensor([0.5000, 2.0000])
    """
    check_positive(floor=floor)
    check_choice(reduction, ("mean", "sequence"), name="reduction")
    if preds.shape != target.shape or preds.ndim < 2:
        given = f"{tuple(preds.shape)} and {tuple(target.shape)}"
        raise ValueError(f"expected preds and target of one shape (..., T, C), got {given}")
    check_mask(mask, preds, name="preds")
    valid = torch.ones_like(preds[..., 0], dtype=torch.bool) if mask is None else mask
    valid = valid.unsqueeze(-2)
    ours, real = (masked_std(working_precision(tracks).mT, valid) for tracks in (preds, target))
    defined = (valid.sum(-1) >= 2) & ~(real <= floor)
    ratios = (ours.clamp(min=floor) / real.masked_fill(~defined, 1)).masked_fill(~defined, torch.nan)
    if reduction == "sequence":
        return ratios
    logs, kept = ratios.log().flatten(0, -2), defined.flatten(0, -2)
    total, count = logs.masked_fill(~kept, 0).sum(0), kept.sum(0)
    return (total / count.clamp(min=1)).exp().masked_fill(count == 0, torch.nan)
