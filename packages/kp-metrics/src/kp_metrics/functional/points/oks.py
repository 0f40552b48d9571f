"""Object keypoint similarity (COCO)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from kp_metrics.primitives.checks import check_positive, checked_pair
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.types import Keypoints, Mask, Values

#: Spread of COCO's annotators on the 17 body points: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles.
COCO_SIGMAS: tuple[float, ...] = (
    0.026,
    *(0.025, 0.025, 0.035, 0.035),
    *(0.079, 0.079, 0.072, 0.072, 0.062, 0.062),
    *(0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
)


def oks(
    preds: Keypoints,
    target: Keypoints,
    *,
    area: Float[Tensor, "*sizes"] | float,
    sigmas: Sequence[float] | None = None,
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return the object keypoint similarity: mean over an object's valid points of `exp(−‖p − t‖² / (2·area·(2σ)²))`.

    As in COCO's evaluation, where `area` is the object's segment area and invisible points do not count. An object
    without a valid point is undefined here; pycocotools falls back to its box.

    Args:
        preds: `(..., T, K, D)`, as `target`. Shared arguments are described in `kp_metrics.functional`.
        area: Area of each object in square pixels, `(..., T)` or `(...)`, or one number.
        sigmas: K spreads; by default COCO's, for its 17 points.
        mask: `(..., T, K)`, True where a point is valid (COCO: visibility above 0).
        reduction: Reduces one value per object, `(..., T)`.

    Returns:
        0 to 1; higher is better. NaN where nothing is valid, or where the area is not above 0.

    Raises:
        ValueError: The number of sigmas is not K, `area` has another shape, or shapes do not match.

    Example:
        >>> body = torch.zeros(1, 17, 2)
        >>> oks(body, body, area=100.0)
        tensor(1.)
        >>> oks(body + 0.5, body, area=100.0).item()
        0.7...
    """
    preds, target = checked_pair(preds, target, mask)
    points = target.shape[-2]
    spreads = COCO_SIGMAS if sigmas is None else tuple(sigmas)
    if len(spreads) != points:
        given = "COCO's 17 default sigmas" if sigmas is None else f"{len(spreads)} sigmas"
        raise ValueError(f"expected one sigma per keypoint, got {given} for target of shape {tuple(target.shape)}")
    if min(spreads) <= 0:
        raise ValueError(f"expected sigmas above 0, got {min(spreads)}")
    sizes = _object_areas(area, target)
    defined = ~(sizes <= 0)
    variance = (2 * target.new_tensor(spreads)).square()
    squared = (preds - target).square().sum(-1)
    similarity = torch.exp(-squared / (2 * sizes.masked_fill(~defined, 1).unsqueeze(-1) * variance))
    if mask is None:
        return reduce_values(similarity.mean(-1), defined, reduction, item_dims=1)
    count = mask.sum(-1)
    values = similarity.masked_fill(~mask, 0).sum(-1) / count.clamp(min=1)
    return reduce_values(values, defined & (count > 0), reduction, item_dims=1)


def _object_areas(area: Tensor | float, target: Tensor) -> Tensor:
    if not isinstance(area, Tensor):
        check_positive(area=area)
        return target.new_full((1,), area)
    objects, sequences = target.shape[:-2], target.shape[:-3]
    if area.shape == objects:
        return area.to(target.dtype)
    if area.shape == sequences:
        return area.to(target.dtype).unsqueeze(-1)
    raise ValueError(
        f"expected area of shape {tuple(objects)} or {tuple(sequences)} for target of shape {tuple(target.shape)}, "
        f"got {tuple(area.shape)}"
    )
