"""Mean per-joint position error, as it is and after Procrustes alignment."""

from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.primitives.checks import check_indices, check_pair, working_precision
from kp_metrics.primitives.normalizers import point_norm
from kp_metrics.primitives.procrustes import fit_similarity
from kp_metrics.primitives.reduction import Reduction, reduce_values


def mpjpe(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"],
    *,
    root: int | None = None,
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*out"]:
    """Mean per-joint position error: `mean ‖p − t‖`, in 2-D or 3-D.

    Args:
        preds: Predicted keypoints `(..., T, K, D)`.
        target: True keypoints `(..., T, K, D)`.
        root: Joint whose position is subtracted from both first (Human3.6M: the pelvis); None to compare as they are.
        mask: `(..., T, K)`, True where a point is valid; frames with a masked root are left out.
        reduction: `"mean"`, `"sum"`, `"sequence"` or `"none"` (one error a point).

    Returns:
        In the unit of the input, from 0 up; lower is better. NaN where every point is masked.

    Raises:
        ValueError: The shapes or types do not fit together, or `root` is no joint.

    Example:
        >>> import torch
        >>> target = torch.zeros(1, 2, 3)
        >>> mpjpe(target + torch.tensor([1.0, 2.0, 2.0]), target)
        tensor(3.)
    """
    check_pair(preds, target, mask)
    preds, target = working_precision(preds), working_precision(target)
    valid = mask
    if root is not None:
        check_indices((root,), target, name="root")
        preds, target = preds - preds[..., root : root + 1, :], target - target[..., root : root + 1, :]
        valid = None if mask is None else mask & mask[..., root : root + 1]
    return reduce_values(point_norm(preds - target), valid, reduction, item_dims=2)


def pa_mpjpe(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"],
    *,
    scale: bool = True,
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*out"]:
    """Mean per-joint position error after each frame's best similarity of the prediction onto the target (Procrustes).

    Args:
        preds: Predicted keypoints `(..., T, K, D)`.
        target: True keypoints `(..., T, K, D)`.
        scale: Fit the scale too; False fits rotation and translation alone.
        mask: `(..., T, K)`, True where a point is valid; frames with fewer than D valid points are left out.
        reduction: `"mean"`, `"sum"`, `"sequence"` or `"none"` (one error a point).

    Returns:
        In the unit of the input, from 0 up; lower is better. NaN where nothing is valid.

    Raises:
        ValueError: The shapes or types do not fit together.

    Example:
        >>> import torch
        >>> target = torch.rand(1, 17, 3, generator=torch.Generator().manual_seed(0))
        >>> pa_mpjpe(target * 3 - 1, target).item() < 1e-6
        True
    """
    check_pair(preds, target, mask)
    preds, target = working_precision(preds), working_precision(target)
    fit = fit_similarity(preds, target, mask=mask, scale=scale)
    values = point_norm(fit(preds) - target)
    defined = fit.defined.unsqueeze(-1)
    valid = defined.expand(values.shape) if mask is None else defined & mask
    return reduce_values(values, valid, reduction, item_dims=2)
