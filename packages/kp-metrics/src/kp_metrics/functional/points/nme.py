"""Normalized mean error."""

from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.functional.points.distance import normalized_distance
from kp_metrics.primitives.checks import check_pair
from kp_metrics.primitives.normalizers import Normalizer
from kp_metrics.primitives.reduction import Reduction, reduce_values


def nme(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"],
    *,
    normalizer: Normalizer = "interocular",
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*out"]:
    """Normalized mean error: `mean ‖p − t‖ / d`, with d the distance of the outer eye corners in each frame.

    300-W's convention. The FAN papers divide by `normalizer="bbox_frame_area"`, √(w·h) of the target's box, and some
    by `"pupils"`. Multiply by 100 for the percentages of the papers.

    Args:
        preds: Predicted keypoints `(..., T, K, D)`.
        target: True keypoints `(..., T, K, D)`.
        normalizer: What the error is divided by.
        mask: `(..., T, K)`, True where a point is valid; a frame whose eye corner is masked is left out.
        reduction: `"mean"`, `"sum"`, `"sequence"` or `"none"` (one error a point).

    Returns:
        A share of d from 0 up; lower is better. NaN where nothing is valid.

    Raises:
        ValueError: The shapes or types do not fit together, or the layout has no such points.

    Example:
        >>> import torch
        >>> face = torch.zeros(1, 68, 2)
        >>> face[0, 45, 0] = 50.0
        >>> nme(face + torch.tensor([3.0, 4.0]), face)
        tensor(0.1000)
    """
    check_pair(preds, target, mask)
    distance, valid = normalized_distance(preds, target, mask, normalizer)
    return reduce_values(distance, valid, reduction, item_dims=2)
