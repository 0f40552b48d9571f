"""Mean errors of positions in the unit of the input: L1, MPJPE and MPJPE after Procrustes alignment."""

from kp_metrics.primitives.checks import check_indices, checked_pair
from kp_metrics.primitives.normalizers import Normalizer, measure, point_norm, usable_size
from kp_metrics.primitives.procrustes import fit_similarity
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.types import Keypoints, Mask, Values


def keypoint_l1(
    preds: Keypoints,
    target: Keypoints,
    *,
    normalizer: Normalizer = 1.0,
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return the mean absolute coordinate error: `mean |p − t| / normalizer`.

    In the unit of the input: pixels, or standard deviations for z-scored keypoints (the paper's L1).

    Args:
        preds: `(..., T, K, D)`, as `target`. Shared arguments are described in `kp_metrics.functional`.
        reduction: Reduces one value per point, the mean over its coordinates.

    Returns:
        From 0 up; lower is better. NaN where every point is masked.

    Example:
        >>> target = torch.tensor([[[0.0, 0.0], [10.0, 10.0]]])
        >>> keypoint_l1(target + torch.tensor([3.0, -1.0]), target)
        tensor(2.)
    """
    preds, target = checked_pair(preds, target, mask)
    size, defined = usable_size(measure(normalizer, target, mask))
    values = ((preds - target).abs() / size.unsqueeze(-2)).mean(-1)
    return reduce_values(values, defined if mask is None else defined & mask, reduction, item_dims=2)


def mpjpe(
    preds: Keypoints, target: Keypoints, *, root: int | None = None, mask: Mask = None, reduction: Reduction = "mean"
) -> Values:
    """Return the mean per-joint position error: `mean ‖p − t‖`, in 2-D or 3-D.

    Args:
        preds: `(..., T, K, D)`, as `target`. Shared arguments are described in `kp_metrics.functional`.
        root: Joint whose position is subtracted from both first (Human3.6M: the pelvis), None to compare as they are.
            Frames with a masked root are left out.
        reduction: Reduces one error per point.

    Returns:
        In the unit of the input, from 0 up; lower is better. NaN where every point is masked.

    Example:
        >>> target = torch.zeros(1, 2, 3)
        >>> mpjpe(target + torch.tensor([1.0, 2.0, 2.0]), target)
        tensor(3.)
    """
    preds, target = checked_pair(preds, target, mask)
    valid = mask
    if root is not None:
        check_indices(target, root=(root,))
        preds, target = preds - preds[..., root : root + 1, :], target - target[..., root : root + 1, :]
        valid = None if mask is None else mask & mask[..., root : root + 1]
    return reduce_values(point_norm(preds - target), valid, reduction, item_dims=2)


def pa_mpjpe(
    preds: Keypoints, target: Keypoints, *, scale: bool = True, mask: Mask = None, reduction: Reduction = "mean"
) -> Values:
    """Return the mean per-joint position error after aligning each predicted frame to the target (Procrustes).

    Args:
        preds: `(..., T, K, D)`, as `target`. Shared arguments are described in `kp_metrics.functional`.
        scale: Fit the scale too; False fits only rotation and translation.
        reduction: Reduces one error per point. Frames with fewer than D valid points are left out.

    Returns:
        In the unit of the input, from 0 up; lower is better. NaN where nothing is valid.

    Example:
        >>> target = torch.rand(1, 17, 3, generator=torch.Generator().manual_seed(0))
        >>> pa_mpjpe(target * 3 - 1, target).item() < 1e-6
        True
    """
    preds, target = checked_pair(preds, target, mask)
    fit = fit_similarity(preds, target, mask=mask, scale=scale)
    defined = fit.defined.unsqueeze(-1)
    valid = defined if mask is None else defined & mask
    return reduce_values(point_norm(fit(preds) - target), valid, reduction, item_dims=2)
