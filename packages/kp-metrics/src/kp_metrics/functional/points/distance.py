"""Point distances, shared by the metrics that count or average them."""

from torch import Tensor

from kp_metrics.primitives.checks import working_precision
from kp_metrics.primitives.normalizers import Normalizer, measure, point_norm


def normalized_distance(
    preds: Tensor, target: Tensor, mask: Tensor | None, normalizer: Normalizer
) -> tuple[Tensor, Tensor]:
    """Return ‖p−t‖ over the target's size, `(..., T, K)`, and where it is defined."""
    preds, target = working_precision(preds), working_precision(target)
    size = measure(normalizer, target, mask).to(preds.dtype)
    # Not `size > 0`: a NaN in the target must reach the result instead of being left out.
    measured = ~(size <= 0).any(-1, keepdim=True)
    size = size.masked_fill(~measured, 1)
    if size.shape[-1] == 1:
        distance = point_norm(preds - target) / size
    else:
        distance = point_norm((preds - target) / size.unsqueeze(-2))
    return distance, measured.expand(distance.shape) if mask is None else measured & mask
