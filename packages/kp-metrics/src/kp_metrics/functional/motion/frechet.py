"""Fréchet distance of windowed motion features."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from kp_metrics.functional.face.head import head_pose_series
from kp_metrics.functional.face.mouth import opening_series
from kp_metrics.primitives.checks import (
    check_keypoints,
    check_mask,
    check_pair,
    check_positive,
    select,
    working_precision,
)
from kp_metrics.primitives.ibug68 import BASE_POINT, EYE_CORNERS, INNER_LIP_CENTRES, STABLE_POINTS
from kp_metrics.primitives.procrustes import reference_frame
from kp_metrics.primitives.types import Keypoints, Mask

#: A function of keypoints `(..., T, K, D)` and mask that returns features `(n, F)` of n windows.
MotionFeatures = Callable[[Tensor, Tensor | None], Tensor]


def motion_features(
    keypoints: Keypoints, mask: Mask = None, *, window: int = 25, fps: float = 25.0
) -> Float[Tensor, "n f"]:
    """Return statistics of mouth and head motion of an iBUG-68 face within windows that overlap by half.

    For the mouth opening and each component of the head pose (x, y, roll, log scale; yaw and pitch in 3-D): the
    standard deviation within the window, and the mean absolute change per second.

    Args:
        keypoints: `(..., T, 68, D)`.
        mask: `(..., T, 68)`, True where a point is valid; windows with a frame that lacks a used point give NaN rows.
        window: Frames per window.
        fps: Frames per second.

    Returns:
        `(n, F)`: all windows of all sequences, with F = 10 in 2-D and 14 in 3-D.

    Raises:
        ValueError: A window has fewer than two frames, or the layout is not iBUG-68's.

    Example:
        >>> face = torch.rand(50, 68, 2, generator=torch.Generator().manual_seed(0)) * 100
        >>> motion_features(face).shape
        torch.Size([3, 10])
    """
    check_keypoints(keypoints)
    check_mask(mask, keypoints, name="keypoints")
    check_positive(fps=fps)
    if window < 2:
        raise ValueError(f"expected window of two frames or more, got window={window}")
    if keypoints.shape[-2] != 68:
        raise ValueError(
            f"expected the 68 keypoints of iBUG for motion_features, got shape {tuple(keypoints.shape)}; "
            "pass your own function as features="
        )
    keypoints = working_precision(keypoints)
    opening, opening_valid = opening_series(keypoints, mask, INNER_LIP_CENTRES, EYE_CORNERS)
    face, found = reference_frame(keypoints, select(mask, [*STABLE_POINTS, *EYE_CORNERS, BASE_POINT]))
    pose, pose_valid = head_pose_series(keypoints, face, mask, STABLE_POINTS, EYE_CORNERS, BASE_POINT)
    series = torch.cat([opening.unsqueeze(-1), pose], -1)
    valid = opening_valid & pose_valid & found.unsqueeze(-1)
    count = 2 * series.shape[-1]
    if series.shape[-2] < window:
        return series.new_zeros((0, count))
    windows = series.unfold(-2, window, max(1, window // 2))
    complete = valid.unfold(-1, window, max(1, window // 2)).all(-1)
    spread = windows.std(-1, correction=0)
    speed = torch.diff(windows).abs().mean(-1) * fps
    features = torch.cat([spread, speed], -1).masked_fill(~complete.unsqueeze(-1), torch.nan)
    return features.reshape(-1, count)


def frechet_distance(
    first_mean: Float[Tensor, " f"],
    first_covariance: Float[Tensor, "f f"],
    second_mean: Float[Tensor, " f"],
    second_covariance: Float[Tensor, "f f"],
) -> Float[Tensor, ""]:
    """Return the Fréchet distance of two Gaussians: `‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½)`.

    Example:
        >>> zero, one = torch.zeros(2), torch.eye(2)
        >>> frechet_distance(zero, one, zero + 1, 4 * one)
        tensor(4.)
    """
    values, vectors = torch.linalg.eigh(first_covariance)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.mT
    # Σ₁Σ₂ has the eigenvalues of the symmetric Σ₁^½ Σ₂ Σ₁^½.
    cross = torch.linalg.eigvalsh(root @ second_covariance @ root).clamp(min=0).sqrt().sum()
    trace = first_covariance.trace() + second_covariance.trace()
    distance: Tensor = (first_mean - second_mean).square().sum() + trace - 2 * cross
    return distance.clamp(min=0)


def frechet_motion_distance(
    preds: Keypoints, target: Keypoints, *, features: MotionFeatures = motion_features, mask: Mask = None
) -> Float[Tensor, ""]:
    """Return the Fréchet distance between the motion features of all predicted and all true windows.

    It compares distributions, not single sequences. FGD uses the features of a learned encoder instead: pass your own
    function. The distance of few windows is biased upwards: compare only rows of one table.

    Args:
        preds: `(..., T, K, D)`, as `target`. Shared arguments are described in `kp_metrics.functional`.
        features: Function of keypoints and mask that returns `(n, F)`; rows with NaN are masked windows.

    Returns:
        A scalar from 0 up; lower is better. NaN with fewer than two valid windows.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> face = torch.rand(68, 2, generator=generator) * 100 + torch.randn(4, 50, 68, 2, generator=generator)
        >>> frechet_motion_distance(face, face).item() < 1e-3
        True
    """
    check_pair(preds, target, mask)
    gaussians: list[Tensor] = []
    for keypoints in (preds, target):
        non_finite = ~torch.isfinite(keypoints).all(-1)
        if bool((non_finite if mask is None else non_finite & mask).any()):
            # Rows with NaN are masked windows: a NaN of the input must not be taken for one.
            return preds.new_full((), torch.nan)
        rows = features(keypoints, mask).detach().cpu().double()
        rows = rows[~rows.isnan().any(-1)]
        if rows.shape[0] < 2:
            return preds.new_full((), torch.nan)
        gaussians += [rows.mean(0), rows.mT.cov(correction=0)]
    return frechet_distance(*gaussians).to(device=preds.device, dtype=working_precision(preds).dtype)
