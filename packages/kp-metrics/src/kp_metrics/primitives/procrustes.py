"""Similarities between frames: the head's pose, and the face without it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.primitives.checks import check_indices, check_keypoints, check_mask, working_precision
from kp_metrics.primitives.ibug68 import STABLE_POINTS


@dataclass(frozen=True, slots=True, eq=False)
class Similarity:
    """Rotations, scales and translations, one a frame: `aligned = scale · rotation · point + translation`.

    Attributes:
        rotation: `(..., D, D)`, proper (no reflection).
        scale: `(...)`.
        translation: `(..., D)`.
        defined: `(...)`: False where too few points were valid, or where they coincide.
    """

    rotation: Float[Tensor, "*batch d d"]
    scale: Float[Tensor, "*batch"]
    translation: Float[Tensor, "*batch d"]
    defined: Bool[Tensor, "*batch"]

    def __call__(self, points: Float[Tensor, "*batch n d"]) -> Float[Tensor, "*batch n d"]:
        """Return the points under the similarity."""
        turned = points @ self.rotation.mT
        return turned * self.scale[..., None, None] + self.translation.unsqueeze(-2)


def fit_similarity(
    source: Float[Tensor, "*batch n d"],
    destination: Float[Tensor, "*batch n d"],
    *,
    mask: Bool[Tensor, "*batch n"] | None = None,
    scale: bool = True,
) -> Similarity:
    """Fit the similarity that takes `source` nearest to `destination`, in the least squares (Umeyama 1991).

    In 2-D the solution is written out; in other dimensions it comes from an SVD, which on a GPU waits for the device.

    Args:
        source: `(..., N, D)`.
        destination: `(..., N, D)`.
        mask: `(..., N)`, True where a point is valid.
        scale: Fit a scale; otherwise it is 1.

    Returns:
        A `Similarity` for each of the leading dimensions; needs at least D valid points that don't coincide.

    Example:
        >>> square = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
        >>> turned = torch.tensor([[5.0, 5.0], [5.0, 7.0], [3.0, 7.0], [3.0, 5.0]])
        >>> fit = fit_similarity(square, turned)
        >>> fit.scale, fit(square)[2]
        (tensor(2.), tensor([3., 7.]))
    """
    dimensions = source.shape[-1]
    valid = source.new_ones(source.shape[:-1]) if mask is None else mask.to(source.dtype)
    weights = valid.unsqueeze(-1)
    count = valid.sum(-1)
    if mask is not None:
        source = source.masked_fill(~mask.unsqueeze(-1), 0)
        destination = destination.masked_fill(~mask.unsqueeze(-1), 0)
    divisor = count.clamp(min=1)[..., None, None]
    source_mean = source.sum(-2, keepdim=True) / divisor
    destination_mean = destination.sum(-2, keepdim=True) / divisor
    a, b = (source - source_mean) * weights, (destination - destination_mean) * weights
    spread = a.square().sum((-1, -2))
    rotation, covariance = _planar(a, b) if dimensions == 2 else _kabsch(a, b)
    # Points that coincide up to rounding give no direction: relative to where they lie, their spread is noise.
    noise = torch.finfo(a.dtype).eps ** 2 * count * (source_mean.square().sum((-1, -2)) + 1e-30)
    defined = (count >= dimensions) & ~(spread <= 64 * noise)
    factor = covariance / spread.where(defined, torch.ones_like(spread)) if scale else torch.ones_like(spread)
    moved = (source_mean @ rotation.mT * factor[..., None, None]).squeeze(-2)
    return Similarity(rotation, factor, destination_mean.squeeze(-2) - moved, defined)


def _planar(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Best rotation of `a` onto `b` in the plane, and the covariance that it reaches."""
    cosine = (a * b).sum((-1, -2))
    sine = (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]).sum(-1)
    length = torch.hypot(cosine, sine)
    # No preferred direction: leave the points unturned.
    cosine = torch.where(length == 0, torch.ones_like(cosine), cosine / length.where(length != 0, 1))
    sine = sine / length.where(length != 0, 1)
    rows = torch.stack([torch.stack([cosine, -sine], -1), torch.stack([sine, cosine], -1)], -2)
    return rows, length


def _kabsch(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Best rotation of `a` onto `b` in any dimension, and the covariance that it reaches."""
    covariance = b.mT @ a
    # The SVD refuses NaN: solve without, and put it back behind.
    bad = ~torch.isfinite(covariance).all(-1).all(-1)
    u, singular, vh = torch.linalg.svd(covariance.masked_fill(bad[..., None, None], 0))
    sign = torch.ones_like(singular)
    sign[..., -1] = torch.where(torch.linalg.det(u @ vh) < 0, -1.0, 1.0)
    rotation = (u * sign.unsqueeze(-2)) @ vh
    return rotation.masked_fill(bad[..., None, None], torch.nan), (singular * sign).sum(-1)


def reference_points(reference: Tensor, keypoints: Tensor) -> Float[Tensor, "*batch k d"]:
    """Return `reference` as `(..., K, D)`, or raise `ValueError` if it does not fit `keypoints` `(..., T, K, D)`."""
    if reference.ndim == keypoints.ndim and reference.shape[-3] == 1:
        reference = reference.squeeze(-3)
    if reference.shape not in (keypoints.shape[-2:], (*keypoints.shape[:-3], *keypoints.shape[-2:])):
        raise ValueError(
            f"expected reference of shape (..., K, D) = {(*keypoints.shape[:-3], *keypoints.shape[-2:])} for keypoints "
            f"of shape {tuple(keypoints.shape)}, got {tuple(reference.shape)}"
        )
    return working_precision(reference).expand(*keypoints.shape[:-3], *keypoints.shape[-2:])


def reference_frame(
    target: Float[Tensor, "*batch t k d"], mask: Bool[Tensor, "*batch t used"] | None
) -> tuple[Float[Tensor, "*batch k d"], Bool[Tensor, "*batch"]]:
    """Return the target's first frame whose used points are all valid, and whether there is one."""
    if mask is None:
        return target[..., 0, :, :], target.new_ones(target.shape[:-3], dtype=torch.bool)
    whole = mask.all(-1)
    first = whole.to(torch.uint8).argmax(-1)
    index = first[..., None, None, None].expand(*target.shape[:-3], 1, *target.shape[-2:])
    return target.gather(-3, index).squeeze(-3), whole.any(-1)


def align_to_reference(
    keypoints: Float[Tensor, "*batch t k d"],
    reference: Float[Tensor, "*ref k d"],
    *,
    indices: Sequence[int] = STABLE_POINTS,
    mask: Bool[Tensor, "*batch t k"] | None = None,
) -> Float[Tensor, "*batch t k d"]:
    """Take the head's pose out of each frame: align it to the reference by a similarity of the stable points.

    Args:
        keypoints: `(..., T, K, D)`.
        reference: `(..., K, D)`, or `(K, D)` for all sequences.
        indices: Points that move with the skull alone; iBUG-68's nose and eye corners by default.
        mask: `(..., T, K)`, True where a point is valid; only valid stable points are fitted.

    Returns:
        `(..., T, K, D)` in the unit and place of the reference; NaN in frames with fewer than D valid stable points.

    Raises:
        ValueError: The shapes do not fit together, or an index is no point.

    Example:
        >>> reference = torch.rand(68, 2, generator=torch.Generator().manual_seed(0)) * 100
        >>> nearer = reference.expand(3, 68, 2) * 1.5 + 20
        >>> torch.allclose(align_to_reference(nearer, reference), reference, atol=1e-4)
        True
    """
    check_keypoints(keypoints)
    check_mask(mask, keypoints, name="keypoints")
    check_indices(indices, keypoints, name="indices")
    keypoints = working_precision(keypoints)
    stable = list(indices)
    anchor = reference_points(reference, keypoints)[..., None, stable, :].to(keypoints.dtype)
    source = keypoints[..., stable, :]
    fit = fit_similarity(source, anchor.expand_as(source), mask=None if mask is None else mask[..., stable])
    return fit(keypoints).masked_fill(~fit.defined[..., None, None], torch.nan)
