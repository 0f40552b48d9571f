"""Percentage of correct keypoints (PCK), its curve and the area under the curve."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from kp_metrics.functional.points.nme import normalized_distance
from kp_metrics.primitives.checks import (
    check_choice,
    check_indices,
    check_pair,
    check_positive,
    select,
    working_precision,
)
from kp_metrics.primitives.ibug68 import BASE_POINT
from kp_metrics.primitives.normalizers import Normalizer, measure, usable_size
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.types import Keypoints, Mask, Values

#: Published variants as options: `pck(preds, target, **PCK_CONVENTIONS["mmpose"])`.
PCK_CONVENTIONS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "paper": {"alpha": 0.02, "normalizer": "bbox_sequence"},
        "speech2gesture": {"alpha": 0.2, "normalizer": "bbox_frame", "drop": (BASE_POINT,)},
        "mmpose": {"alpha": 0.05, "normalizer": "bbox_frame_axes", "strict": True, "average": "keypoints"},
        "pck_torso": {"alpha": 0.2, "normalizer": "torso"},
        "pckh": {"alpha": 0.5, "normalizer": "head"},
    }
)

# Coordinates per chunk on a CPU: temporaries of 2 MB stay in its cache.
_CHUNK = 1 << 19


def pck(
    preds: Keypoints,
    target: Keypoints,
    *,
    alpha: float = 0.02,
    normalizer: Normalizer = "bbox_sequence",
    strict: bool = False,
    average: str = "points",
    drop: Sequence[int] = (),
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return the percentage of correct keypoints: the share of points with `‖p − t‖ ≤ alpha · normalizer`.

    By default the normalizer is the longer side of the target's box over the whole sequence (Audio2Keypoint, section
    5.3). `PCK_CONVENTIONS` holds the options of other published variants.

    Args:
        preds: `(..., T, K, D)`, as `target`. Shared arguments are described in `kp_metrics.functional`.
        alpha: Radius as a fraction of the normalizer.
        normalizer: `"bbox_frame_axes"` scales each axis by its own side.
        strict: Count `<` instead of `≤` (mmpose).
        average: `"points"`: one share over all points; `"keypoints"`: the mean of the K keypoints' shares (mmpose).
            The two differ where points are masked.
        drop: Keypoints to leave out, also of the box, such as a base point that is correct by construction.
        reduction: Reduces 1 or 0 per point; `"sum"` counts the hits.

    Returns:
        A share from 0 to 1; higher is better. NaN where every point is masked.

    Example:
        >>> target = torch.tensor([[[0.0, 0.0], [100.0, 50.0]]])
        >>> preds = target + torch.tensor([[[2.0, 0.0], [0.0, 2.5]]])
        >>> pck(preds, target), pck(preds, target, strict=True)
        (tensor(0.5000), tensor(0.))
    """
    check_pair(preds, target, mask)
    check_positive(alpha=alpha)
    check_choice(average, ("points", "keypoints"), name="average")
    if average == "keypoints" and reduction not in ("mean", "sequence"):
        raise ValueError(f"expected reduction 'mean' or 'sequence' with average='keypoints', got {reduction!r}")
    if average == "points" and reduction in ("mean", "sum"):
        hits, count, non_finite = count_hits(
            preds, target, mask, alpha=alpha, normalizer=normalizer, strict=strict, drop=drop
        )
        total = hits.to(working_precision(preds).dtype)
        reduced = total if reduction == "sum" else total / count.clamp(min=1)
        return reduced.masked_fill(non_finite | (count == 0), torch.nan)
    preds, target, mask = _drop_points(drop, preds, target, mask)
    squared, radius, defined = _squared_distance(preds, target, mask, alpha, normalizer)
    inside = squared < radius if strict else squared <= radius
    # A comparison turns NaN into a miss; x − x is 0 for a number and NaN for NaN and infinity.
    values = (squared - squared).add_(inside)
    valid = defined.expand(values.shape) if mask is None else defined & mask
    if average == "points":
        return reduce_values(values, valid, reduction, item_dims=2)
    return _mean_of_keypoints(values, valid, reduction)


def _drop_points(
    drop: Sequence[int], preds: Tensor, target: Tensor, mask: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    if not drop:
        return preds, target, mask
    check_indices(target, drop=drop)
    keep = [index for index in range(target.shape[-2]) if index not in set(drop)]
    return preds[..., keep, :], target[..., keep, :], select(mask, keep)


def _squared_distance(
    preds: Tensor, target: Tensor, mask: Tensor | None, alpha: float, normalizer: Normalizer
) -> tuple[Tensor, Tensor, Tensor]:
    """Return squared distances, the squared radius to compare them with, and where it is defined."""
    preds, target = working_precision(preds), working_precision(target)
    size, defined = usable_size(measure(normalizer, target, mask).to(preds.dtype))
    difference = preds - target
    if size.shape[-1] > 1:
        difference = difference / size.unsqueeze(-2)
        size = torch.ones_like(size[..., :1])
    squared = difference.square_()
    total = squared[..., 0]
    for axis in range(1, squared.shape[-1]):
        total = total + squared[..., axis]
    return total, (size * alpha).square(), defined


def count_hits(
    preds: Tensor,
    target: Tensor,
    mask: Tensor | None,
    *,
    alpha: float = 0.02,
    normalizer: Normalizer = "bbox_sequence",
    strict: bool = False,
    drop: Sequence[int] = (),
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the number of hits and of valid points, and whether a valid point is not finite.

    On a CPU it works on a chunk of sequences at a time, so that temporaries stay in the cache.
    """
    check_pair(preds, target, mask)
    check_positive(alpha=alpha)
    preds, target, mask = _drop_points(drop, preds, target, mask)
    sequences, size = math.prod(preds.shape[:-3]), math.prod(preds.shape[-3:])
    at_once = preds.device.type != "cpu" or isinstance(normalizer, Tensor)
    step = sequences if at_once else max(1, _CHUNK // size)
    if not at_once:
        preds, target = (side.reshape(sequences, *side.shape[-3:]) for side in (preds, target))
        mask = None if mask is None else mask.reshape(preds.shape[:-1])
    hits = count = torch.zeros((), dtype=torch.int64, device=preds.device)
    non_finite = torch.zeros((), dtype=torch.bool, device=preds.device)
    for start in range(0, sequences, step):
        part = (...,) if at_once else (slice(start, start + step),)
        part_mask = None if mask is None else mask[part]
        squared, radius, defined = _squared_distance(preds[part], target[part], part_mask, alpha, normalizer)
        if part_mask is not None:
            # A masked point is infinitely far away, whatever its value; a sum of finite values is finite.
            finite_sum = squared.masked_fill(~(part_mask & defined), 0).sum()
            squared = squared.masked_fill_(~part_mask, torch.inf)
            count = count + (part_mask & defined).sum()
        else:
            finite_sum = squared.sum()
            count = count + defined.sum() * (squared.numel() // defined.numel())
        radius = radius.masked_fill(~defined, -1)
        hits = hits + torch.count_nonzero(squared < radius if strict else squared <= radius)
        non_finite = non_finite | ~torch.isfinite(finite_sum)
    return hits, count, non_finite


def _mean_of_keypoints(values: Tensor, valid: Tensor, reduction: Reduction) -> Tensor:
    shares = reduce_values(values.movedim(-1, 0), valid.movedim(-1, 0), "none", item_dims=1)
    dims = (-1,) if reduction == "sequence" else tuple(range(1, shares.ndim))
    return shares.nanmean(dims).nanmean(0)


def pck_curve(
    preds: Keypoints,
    target: Keypoints,
    *,
    alphas: Float[Tensor, " n"],
    normalizer: Normalizer = "bbox_sequence",
    mask: Mask = None,
) -> Float[Tensor, " n"]:
    """Return PCK over all points at each of `alphas`, for plots.

    Args:
        preds: `(..., T, K, D)`, as `target`. Shared arguments are described in `kp_metrics.functional`.
        alphas: `(n,)` radii as fractions of the normalizer, above 0.

    Returns:
        `(n,)` shares from 0 to 1, rising with alpha.

    Example:
        >>> target = torch.tensor([[[0.0, 0.0], [100.0, 50.0]]])
        >>> preds = target + torch.tensor([[[2.0, 0.0], [0.0, 4.0]]])
        >>> pck_curve(preds, target, alphas=torch.tensor([0.01, 0.03, 0.05]))
        tensor([0.0000, 0.5000, 1.0000])
    """
    return torch.stack([pck(preds, target, alpha=alpha, normalizer=normalizer, mask=mask) for alpha in alphas.tolist()])


def pck_auc(
    preds: Keypoints,
    target: Keypoints,
    *,
    alpha_max: float = 0.1,
    normalizer: Normalizer = "bbox_sequence",
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return the area under PCK(alpha) for alpha from 0 to `alpha_max`, divided by `alpha_max`.

    The curve is a step per point, so the area is exact and needs no grid: a point at the normalized distance d adds
    `max(0, 1 − d / alpha_max)`.

    Args:
        preds: `(..., T, K, D)`, as `target`. Shared arguments are described in `kp_metrics.functional`.
        alpha_max: Right end of the curve.
        reduction: Reduces the area that each point adds.

    Returns:
        A share from 0 to 1; higher is better. NaN where every point is masked.

    Example:
        >>> target = torch.tensor([[[0.0, 0.0], [100.0, 50.0]]])
        >>> pck_auc(target + torch.tensor([5.0, 0.0]), target)
        tensor(0.5000)
    """
    check_pair(preds, target, mask)
    check_positive(alpha_max=alpha_max)
    distance, valid = normalized_distance(preds, target, mask, normalizer)
    return reduce_values((1 - distance / alpha_max).clamp(min=0), valid, reduction, item_dims=2)
