"""Fréchet distance of windowed motion features."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.functional.face.head import head_pose_series
from kp_metrics.functional.face.mouth import opening_series
from kp_metrics.primitives.checks import check_keypoints, check_mask, check_pair, check_positive, working_precision
from kp_metrics.primitives.ibug68 import BASE_POINT, EYE_CORNERS, INNER_LIP_CENTRES, STABLE_POINTS
from kp_metrics.primitives.procrustes import reference_frame

#: A function of keypoints `(..., T, K, D)` and mask that returns features `(n, F)` of n windows.
MotionFeatures = Callable[[Tensor, Tensor | None], Tensor]


def motion_features(
    keypoints: Float[Tensor, "*batch t k d"],
    mask: Bool[Tensor, "*batch t k"] | None = None,
    *,
    window: int = 25,
    fps: float = 25.0,
) -> Float[Tensor, "n f"]:
    """How the mouth and head of an iBUG-68 face move within windows that overlap by half.

    For the mouth opening and each component of the head pose (x, y, roll, log scale; yaw and pitch in 3-D): the
    standard deviation within the window, and the mean absolute change a second.

    Args:
        keypoints: `(..., T, 68, D)`.
        mask: `(..., T, 68)`, True where a point is valid; windows with a frame that lacks a used point give NaN rows.
        window: Frames in a window.
        fps: Frames a second.

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
    check_positive(fps, name="fps")
    if window < 2:
        raise ValueError(f"expected window of two frames or more, got window={window}")
    if keypoints.shape[-2] != 68:
        raise ValueError(
            f"expected the 68 keypoints of iBUG for motion_features, got shape {tuple(keypoints.shape)}; "
            "pass a function of your own as features="
        )
    keypoints = working_precision(keypoints)
    opening, opening_valid = opening_series(keypoints, mask, INNER_LIP_CENTRES, EYE_CORNERS)
    used = [*STABLE_POINTS, *EYE_CORNERS, BASE_POINT]
    anchor, anchored = reference_frame(keypoints, None if mask is None else mask[..., used])
    pose, pose_valid = head_pose_series(
        keypoints, anchor, mask, stable=STABLE_POINTS, eyes=EYE_CORNERS, base=BASE_POINT
    )
    series = torch.cat([opening.unsqueeze(-1), pose], -1)
    valid = opening_valid & pose_valid & anchored.unsqueeze(-1)
    count = 2 * series.shape[-1]
    if series.shape[-2] < window:
        return series.new_zeros((0, count))
    windows = series.unfold(-2, window, max(1, window // 2))
    whole = valid.unfold(-1, window, max(1, window // 2)).all(-1)
    spread = windows.std(-1, correction=0)
    speed = torch.diff(windows).abs().mean(-1) * fps
    features = torch.cat([spread, speed], -1).masked_fill(~whole.unsqueeze(-1), torch.nan)
    return features.reshape(-1, count)


def frechet_distance(
    first_mean: Float[Tensor, " f"],
    first_covariance: Float[Tensor, "f f"],
    second_mean: Float[Tensor, " f"],
    second_covariance: Float[Tensor, "f f"],
) -> Float[Tensor, ""]:
    """Fréchet distance of two Gaussians: `‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½)`.

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
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"],
    *,
    features: MotionFeatures = motion_features,
    mask: Bool[Tensor, "*batch t k"] | None = None,
) -> Float[Tensor, ""]:
    """Fréchet distance between the motion features of all predicted and all true windows.

    It compares distributions, not sequences one by one. FGD takes the features of a learned encoder instead: give a
    function of your own. Means of few windows are biased upwards: compare rows of one table only.

    Args:
        preds: Predicted keypoints `(..., T, K, D)`.
        target: True keypoints `(..., T, K, D)`.
        features: Function of keypoints and mask that gives `(n, F)`; rows with NaN are masked windows.
        mask: `(..., T, K)`, True where a point is valid.

    Returns:
        A scalar from 0 up; lower is better. NaN with fewer than two valid windows.

    Raises:
        ValueError: The shapes or types do not fit together.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> face = torch.rand(68, 2, generator=generator) * 100 + torch.randn(4, 50, 68, 2, generator=generator)
        >>> frechet_motion_distance(face, face).item() < 1e-3
        True
    """
    check_pair(preds, target, mask)
    gaussians: list[Tensor] = []
    for keypoints in (preds, target):
        fault = ~torch.isfinite(keypoints).all(-1)
        if bool((fault if mask is None else fault & mask).any()):
            # Rows with NaN are masked windows: a fault of the input must not pass for one.
            return preds.new_full((), torch.nan)
        rows = features(keypoints, mask).detach().cpu().double()
        rows = rows[~rows.isnan().any(-1)]
        if rows.shape[0] < 2:
            return preds.new_full((), torch.nan)
        gaussians += [rows.mean(0), rows.mT.cov(correction=0)]
    return frechet_distance(*gaussians).to(device=preds.device, dtype=working_precision(preds).dtype)
