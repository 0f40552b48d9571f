"""Similarity transforms between frames: head pose, and faces aligned to a reference."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.primitives.checks import select, working_precision


@dataclass(frozen=True, slots=True, eq=False)
class Similarity:
    """A similarity transform per frame: `aligned = scale · rotation · point + translation`."""

    rotation: Float[Tensor, "*batch d d"]  # proper (no reflection)
    scale: Float[Tensor, "*batch"]
    translation: Float[Tensor, "*batch d"]
    defined: Bool[Tensor, "*batch"]  # False where too few points are valid, or where they coincide

    def __call__(self, points: Float[Tensor, "*batch n d"]) -> Float[Tensor, "*batch n d"]:
        """Return the transformed points."""
        return points @ self.rotation.mT * self.scale[..., None, None] + self.translation.unsqueeze(-2)


def fit_similarity(
    source: Float[Tensor, "*batch n d"],
    destination: Float[Tensor, "*batch n d"],
    *,
    mask: Bool[Tensor, "*batch n"] | None = None,
    scale: bool = True,
) -> Similarity:
    """Fit the least-squares similarity transform from `source` to `destination` (Umeyama 1991).

    Points whose `mask` is False are left out; without `scale` the scale is 1. The fit is defined for at least D valid
    points that do not coincide. 2-D has a closed form; other dimensions use an SVD, which waits for a GPU.

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
    # Points that coincide up to rounding give no direction: relative to their position, their spread is noise.
    noise = torch.finfo(a.dtype).eps ** 2 * count * (source_mean.square().sum((-1, -2)) + 1e-30)
    defined = (count >= dimensions) & ~(spread <= 64 * noise)
    factor = covariance / spread.where(defined, torch.ones_like(spread)) if scale else torch.ones_like(spread)
    moved = (source_mean @ rotation.mT * factor[..., None, None]).squeeze(-2)
    return Similarity(rotation, factor, destination_mean.squeeze(-2) - moved, defined)


def _planar(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return the best rotation of `a` onto `b` in the plane, and the covariance after it."""
    cosine = (a * b).sum((-1, -2))
    sine = (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]).sum(-1)
    length = torch.hypot(cosine, sine)
    # Without a preferred direction, do not rotate.
    cosine = torch.where(length == 0, torch.ones_like(cosine), cosine / length.where(length != 0, 1))
    sine = sine / length.where(length != 0, 1)
    return torch.stack([torch.stack([cosine, -sine], -1), torch.stack([sine, cosine], -1)], -2), length


def _kabsch(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return the best rotation of `a` onto `b` in any dimension, and the covariance after it."""
    covariance = b.mT @ a
    # The SVD rejects NaN: solve without it and restore it afterwards.
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
    """Return the target's first frame whose points in `mask` are all valid, and whether there is one."""
    if mask is None:
        return target[..., 0, :, :], target.new_ones(target.shape[:-3], dtype=torch.bool)
    complete = mask.all(-1)
    first = complete.to(torch.uint8).argmax(-1)
    index = first[..., None, None, None].expand(*target.shape[:-3], 1, *target.shape[-2:])
    return target.gather(-3, index).squeeze(-3), complete.any(-1)


def resolve_reference(
    reference: Tensor | None, target: Tensor, mask: Bool[Tensor, "*batch t used"] | None
) -> tuple[Tensor, Bool[Tensor, "*batch"]]:
    """Return the given reference, or else the target's first complete frame, and whether there is one."""
    if reference is None:
        return reference_frame(target, mask)
    points = reference_points(reference, target).to(target.dtype)
    return points, points.new_ones(points.shape[:-2], dtype=torch.bool)


def fit_to_reference(keypoints: Tensor, reference: Tensor, indices: Sequence[int], mask: Tensor | None) -> Similarity:
    """Fit each frame's points `indices` to those of `reference` `(..., K, D)`."""
    source = keypoints[..., list(indices), :]
    destination = reference[..., None, list(indices), :].expand_as(source)
    return fit_similarity(source, destination, mask=select(mask, indices))
