"""Normalized mean error."""

from torch import Tensor

from kp_metrics.primitives.checks import check_pair, working_precision
from kp_metrics.primitives.normalizers import Normalizer, measure, point_norm, usable_size
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.types import Keypoints, Mask, Values


def normalized_distance(
    preds: Tensor, target: Tensor, mask: Tensor | None, normalizer: Normalizer
) -> tuple[Tensor, Tensor]:
    """Return ‖p−t‖ over the target's size, `(..., T, K)`, and where it is defined."""
    preds, target = working_precision(preds), working_precision(target)
    size, defined = usable_size(measure(normalizer, target, mask).to(preds.dtype))
    if size.shape[-1] == 1:
        distance = point_norm(preds - target) / size
    else:
        distance = point_norm((preds - target) / size.unsqueeze(-2))
    return distance, defined if mask is None else defined & mask


def nme(
    preds: Keypoints,
    target: Keypoints,
    *,
    normalizer: Normalizer = "interocular",
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return the normalized mean error: `mean ‖p − t‖ / d`, d the distance of the outer eye corners in each frame.

    300-W's convention. The FAN papers divide by `normalizer="bbox_frame_area"`, √(w·h) of the target's box, and some
    by `"pupils"`. Multiply by 100 for the percentages of the papers.

    Args:
        preds: `(..., T, K, D)`, as `target`. Shared arguments are described in `kp_metrics.functional`.
        reduction: Reduces one error per point. Frames with a masked eye corner are left out.

    Returns:
        A fraction of d from 0 up; lower is better. NaN where nothing is valid.

    Example:
        >>> face = torch.zeros(1, 68, 2)
        >>> face[0, 45, 0] = 50.0
        >>> nme(face + torch.tensor([3.0, 4.0]), face)
        tensor(0.1000)
    """
    check_pair(preds, target, mask)
    distance, valid = normalized_distance(preds, target, mask, normalizer)
    return reduce_values(distance, valid, reduction, item_dims=2)
