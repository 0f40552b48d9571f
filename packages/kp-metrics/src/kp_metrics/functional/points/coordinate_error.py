"""Mean absolute coordinate error."""

from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.primitives.checks import check_pair, working_precision
from kp_metrics.primitives.normalizers import Normalizer, measure
from kp_metrics.primitives.reduction import Reduction, reduce_values


def keypoint_l1(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"],
    *,
    normalizer: Normalizer = 1.0,
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*out"]:
    """Mean absolute coordinate error: `mean |p − t| / normalizer`.

    In the unit of the input: pixels, or standard deviations for z-scored keypoints (the paper's L1).

    Args:
        preds: Predicted keypoints `(..., T, K, D)`.
        target: True keypoints `(..., T, K, D)`.
        normalizer: What the error is divided by; 1 by default.
        mask: `(..., T, K)`, True where a point is valid.
        reduction: `"mean"`, `"sum"`, `"sequence"` or `"none"`; one value a point, the mean over its coordinates.

    Returns:
        A value from 0 up; lower is better. NaN where every point is masked.

    Raises:
        ValueError: The shapes or types do not fit together.

    Example:
        >>> import torch
        >>> target = torch.tensor([[[0.0, 0.0], [10.0, 10.0]]])
        >>> keypoint_l1(target + torch.tensor([3.0, -1.0]), target)
        tensor(2.)
    """
    check_pair(preds, target, mask)
    preds, target = working_precision(preds), working_precision(target)
    size = measure(normalizer, target, mask)
    measured = ~(size <= 0).any(-1, keepdim=True)
    values = ((preds - target).abs() / size.masked_fill(~measured, 1).unsqueeze(-2)).mean(-1)
    valid = measured.expand(values.shape) if mask is None else measured & mask
    return reduce_values(values, valid, reduction, item_dims=2)
