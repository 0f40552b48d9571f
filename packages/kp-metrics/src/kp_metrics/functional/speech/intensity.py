"""Whether louder speech moves the lips further."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from kp_metrics.functional.motion.velocity import difference
from kp_metrics.primitives.audio_energy import frame_loudness
from kp_metrics.primitives.checks import check_audio, check_indices, working_precision
from kp_metrics.primitives.ibug68 import EYE_CORNERS, MOUTH, STABLE_POINTS
from kp_metrics.primitives.normalizers import point_distance, point_norm
from kp_metrics.primitives.procrustes import fit_similarity, reference_frame
from kp_metrics.primitives.time_series import frames_in_time, masked_mean, masked_std, pearson


def intensities(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"] | None = None,
    *,
    audio: Float[Tensor, "*batch s"],
    sample_rate: int = 16_000,
    fps: float = 25.0,
    mouth: Sequence[int] = MOUTH,
    stable: Sequence[int] = STABLE_POINTS,
    eyes: tuple[int, int] = EYE_CORNERS,
    mask: Bool[Tensor, "*batch t k"] | None = None,
) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch"], Bool[Tensor, "*batch"]]:
    """Loudness and lip displacement of each sequence, and where both are defined: what `slcc` correlates.

    Args:
        preds: Keypoints `(..., T, K, D)`.
        target: Not used but for its shape.
        audio: Waveform `(..., S)`, mono.
        sample_rate: Samples a second.
        fps: Frames a second.
        mouth: Mouth points.
        stable: Points that move with the skull alone.
        eyes: Outer eye corners.
        mask: `(..., T, K)`, True where a point is valid.

    Returns:
        Root mean square of the audio; root mean square over frames of the mouth points' mean step from frame to frame,
        without the head's pose, in eye distances; and a boolean, each `(...)`.
    """
    check_audio(preds, target, mask, audio)
    for name, indices in (("mouth", mouth), ("stable", stable), ("eyes", eyes)):
        check_indices(indices, preds, name=name)
    preds = working_precision(preds)
    lips, skull = list(mouth), list(stable)
    anchor, anchored = reference_frame(preds, None if mask is None else mask[..., [*lips, *skull, *eyes]])
    source = preds[..., skull, :]
    fit = fit_similarity(
        source, anchor[..., None, skull, :].expand_as(source), mask=None if mask is None else mask[..., skull]
    )
    lip_mask = fit.defined.unsqueeze(-1).expand(preds[..., lips, 0].shape)
    lip_mask = lip_mask if mask is None else lip_mask & mask[..., lips]
    change, both = difference(fit(preds[..., lips, :]), lip_mask, order=1)
    size = point_distance(anchor.unsqueeze(-3), indices=eyes).flatten(-2).squeeze(-1)
    steps = masked_mean(point_norm(change), both)
    used = both.any(-1)
    displacement = masked_mean(steps.square(), used).sqrt() / size.masked_fill(size <= 0, 1)
    loudness = frame_loudness(audio, num_frames=preds.shape[-3], sample_rate=sample_rate, fps=fps)
    heard = frames_in_time(loudness.new_ones(preds.shape[:-2], dtype=torch.bool), mask)
    level = masked_mean(loudness.to(preds.dtype).square(), heard).sqrt()
    return level, displacement, anchored & used.any(-1) & ~(size <= 0)


def intensity_correlation(level: Tensor, displacement: Tensor, defined: Tensor, groups: Tensor | None = None) -> Tensor:
    """Return Pearson's r over sequences, of z-scores within each group where there are groups."""
    level, displacement, defined = level.flatten(), displacement.flatten(), defined.flatten()
    if groups is not None:
        member = (groups.flatten().unsqueeze(-1) == groups.flatten()) & defined
        level, displacement = (_z_score(values, member) for values in (level, displacement))
        # A speaker with one clip has no spread to be scored by.
        defined = defined & torch.isfinite(level) & torch.isfinite(displacement)
    return pearson(level, displacement, defined, constant_std=1e-12)


def _z_score(values: Tensor, member: Tensor) -> Tensor:
    rows = values.expand(member.shape)
    return (values - masked_mean(rows, member)) / masked_std(rows, member)


def slcc(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"] | None = None,
    *,
    audio: Float[Tensor, "*batch s"],
    groups: Int[Tensor, "*batch"] | None = None,
    sample_rate: int = 16_000,
    fps: float = 25.0,
    mouth: Sequence[int] = MOUTH,
    stable: Sequence[int] = STABLE_POINTS,
    eyes: tuple[int, int] = EYE_CORNERS,
    mask: Bool[Tensor, "*batch t k"] | None = None,
) -> Float[Tensor, ""]:
    """Speech-lip intensity correlation: Pearson's r over sequences of loudness and lip displacement.

    Louder speech moves the lips further. With `groups`, both are z-scored within each speaker first, as in
    arXiv 2503.20308.

    Args:
        preds: Keypoints `(..., T, K, D)`; the correlation runs over all leading dimensions.
        target: Not used but for its shape; every metric takes it.
        audio: Waveform `(..., S)`, mono, of one recording level.
        groups: `(...)`: a number for each sequence's speaker.
        sample_rate: Samples a second.
        fps: Frames a second.
        mouth: Mouth points; iBUG-68's 48 to 67 by default.
        stable: Points that move with the skull alone.
        eyes: Outer eye corners.
        mask: `(..., T, K)`, True where a point is valid.

    Returns:
        -1 to 1, a scalar; higher is better, and the ground truth has its own. 0 if either never changes, NaN with
        fewer than two sequences.

    Raises:
        ValueError: The shapes, types or options do not fit.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> face = (torch.rand(68, 2, generator=generator) * 100).repeat(3, 8, 1, 1)
        >>> loud = torch.tensor([1.0, 2.0, 3.0])
        >>> face[:, 1::2, 48:] += loud[:, None, None, None]
        >>> slcc(face, audio=loud[:, None] * torch.ones(3, 5120))
        tensor(1.)
    """
    level, displacement, defined = intensities(
        preds, target, audio=audio, sample_rate=sample_rate, fps=fps, mouth=mouth, stable=stable, eyes=eyes, mask=mask
    )
    return intensity_correlation(level, displacement, defined, groups)
