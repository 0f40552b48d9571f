"""Percentage of correct keypoints, its curve and the area under it."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.checks import check_choice, check_indices, check_pair, check_positive
from kp_metrics.functional.distance import normalized_distance, select_points
from kp_metrics.ibug68 import BASE_POINT
from kp_metrics.normalizers import Normalizer
from kp_metrics.reduction import Reduction, reduce_values

__all__ = ["PCK_CONVENTIONS", "pck", "pck_auc", "pck_curve"]

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

# Coordinates handled at a time on a CPU: temporaries of 2 MB stay in its cache.
_CHUNK = 1 << 19


def pck(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"],
    *,
    alpha: float = 0.02,
    normalizer: Normalizer = "bbox_sequence",
    strict: bool = False,
    average: str = "points",
    drop: Sequence[int] = (),
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*out"]:
    """Percentage of correct keypoints: the share of points with `‖p − t‖ ≤ alpha · normalizer`.

    By default the normalizer is the longer side of the box of the target over the whole sequence (Audio2Keypoint,
    section 5.3). `PCK_CONVENTIONS` holds the options of other published variants.

    Args:
        preds: Predicted keypoints `(..., T, K, D)`.
        target: True keypoints `(..., T, K, D)`.
        alpha: Radius as a share of the normalizer.
        normalizer: Size that the radius is relative to; `"bbox_frame_axes"` scales each axis by its own side.
        strict: Count `<` instead of `≤` (mmpose).
        average: `"points"`: one share over all points; `"keypoints"`: a share for each of the K keypoints first, then
            their mean (mmpose). They differ where points are masked.
        drop: Keypoints to leave out, of the box too, such as a base point that is right by construction.
        mask: `(..., T, K)`, True where a point is valid.
        reduction: `"mean"`, `"sum"` (the number of hits), `"sequence"` or `"none"` (1 or 0 a point).

    Returns:
        A share from 0 to 1; higher is better. NaN where every point is masked.

    Raises:
        ValueError: `alpha` is not above 0, or the shapes or types do not fit together.

    Example:
        >>> target = torch.tensor([[[0.0, 0.0], [100.0, 50.0]]])
        >>> preds = target + torch.tensor([[[2.0, 0.0], [0.0, 2.5]]])
        >>> pck(preds, target), pck(preds, target, strict=True)
        (tensor(0.5000), tensor(0.))
    """
    check_pair(preds, target, mask)
    check_positive(alpha, name="alpha")
    check_choice(average, ("points", "keypoints"), name="average")
    if average == "keypoints" and reduction not in ("mean", "sequence"):
        raise ValueError(f"expected reduction 'mean' or 'sequence' with average='keypoints', got {reduction!r}")
    if drop:
        check_indices(drop, target, name="drop")
        keep = [index for index in range(target.shape[-2]) if index not in set(drop)]
        preds = preds[..., keep, :]
        target, mask = select_points(mask, target, keep)

    def hits(p: Tensor, t: Tensor, m: Tensor | None) -> tuple[Tensor, Tensor]:
        distance, valid = normalized_distance(p, t, m, normalizer)
        inside = distance < alpha if strict else distance <= alpha
        # A comparison turns NaN into a miss; x − x is 0 for a number and NaN for NaN and infinity.
        return (distance - distance).add_(inside), valid

    sized = isinstance(normalizer, Tensor)
    if average == "points" and reduction in ("mean", "sum") and not preds.is_cuda and not sized:
        return _pooled(hits, preds, target, mask, reduction)
    values, valid = hits(preds, target, mask)
    if average == "points":
        return reduce_values(values, valid, reduction, item_dims=2)
    return _mean_of_keypoints(values, valid, reduction)


def _pooled(hits: Any, preds: Tensor, target: Tensor, mask: Tensor | None, reduction: Reduction) -> Tensor:
    """Reduce over sequences a chunk at a time, so that the temporaries stay small."""
    sequences = math.prod(preds.shape[:-3])
    flat = (sequences, *preds.shape[-3:])
    preds, target = preds.reshape(flat), target.reshape(flat)
    mask = None if mask is None else mask.reshape(flat[:-1])
    step = max(1, _CHUNK // math.prod(flat[1:]))
    total, count = preds.new_zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.int64, device=preds.device)
    for start in range(0, sequences, step):
        part = slice(start, start + step)
        values, valid = hits(preds[part], target[part], None if mask is None else mask[part])
        total += values.mul_(valid).sum() if mask is None else values.masked_fill_(~valid, 0).sum()
        count += valid.sum()
    reduced = total if reduction == "sum" else total / count.clamp(min=1)
    return reduced.masked_fill(count == 0, torch.nan).to(values.dtype)


def _mean_of_keypoints(values: Tensor, valid: Tensor, reduction: Reduction) -> Tensor:
    shares = reduce_values(values.movedim(-1, 0), valid.movedim(-1, 0), "none", item_dims=1)
    dims = (-1,) if reduction == "sequence" else tuple(range(1, shares.ndim))
    return shares.nanmean(dims).nanmean(0)


def pck_curve(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"],
    *,
    alphas: Float[Tensor, " n"],
    normalizer: Normalizer = "bbox_sequence",
    mask: Bool[Tensor, "*batch t k"] | None = None,
) -> Float[Tensor, " n"]:
    """PCK over all points at each of `alphas`, for plots.

    Args:
        preds: Predicted keypoints `(..., T, K, D)`.
        target: True keypoints `(..., T, K, D)`.
        alphas: `(n,)` radii as shares of the normalizer, above 0.
        normalizer: Size that the radius is relative to.
        mask: `(..., T, K)`, True where a point is valid.

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
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"],
    *,
    alpha_max: float = 0.1,
    normalizer: Normalizer = "bbox_sequence",
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*out"]:
    """Area under PCK(alpha) for alpha from 0 to `alpha_max`, divided by `alpha_max`.

    The curve is a step for each point, so the area is exact and needs no grid: a point at the normalized distance d
    adds `max(0, 1 − d / alpha_max)`.

    Args:
        preds: Predicted keypoints `(..., T, K, D)`.
        target: True keypoints `(..., T, K, D)`.
        alpha_max: Right end of the curve.
        normalizer: Size that alpha is relative to.
        mask: `(..., T, K)`, True where a point is valid.
        reduction: `"mean"`, `"sum"`, `"sequence"` or `"none"` (the area that each point adds).

    Returns:
        A share from 0 to 1; higher is better. NaN where every point is masked.

    Raises:
        ValueError: `alpha_max` is not above 0, or the shapes or types do not fit together.

    Example:
        >>> target = torch.tensor([[[0.0, 0.0], [100.0, 50.0]]])
        >>> pck_auc(target + torch.tensor([5.0, 0.0]), target)
        tensor(0.5000)
    """
    check_pair(preds, target, mask)
    check_positive(alpha_max, name="alpha_max")
    distance, valid = normalized_distance(preds, target, mask, normalizer)
    return reduce_values((1 - distance / alpha_max).clamp(min=0), valid, reduction, item_dims=2)
