"""Correlation of speech loudness and lip displacement."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from kp_metrics.functional.motion.velocity import difference
from kp_metrics.primitives.audio_energy import frame_loudness
from kp_metrics.primitives.checks import check_audio, check_indices, select, working_precision
from kp_metrics.primitives.ibug68 import EYE_CORNERS, MOUTH, STABLE_POINTS
from kp_metrics.primitives.normalizers import point_distance, point_norm
from kp_metrics.primitives.procrustes import fit_to_reference, reference_frame
from kp_metrics.primitives.time_series import masked_mean, masked_std, pearson, unpadded_frames
from kp_metrics.primitives.types import Keypoints, Mask


def intensities(
    preds: Keypoints,
    target: Keypoints | None = None,
    *,
    audio: Float[Tensor, "*batch s"],
    sample_rate: int = 16_000,
    fps: float = 25.0,
    mouth: Sequence[int] = MOUTH,
    stable: Sequence[int] = STABLE_POINTS,
    eyes: Sequence[int] = EYE_CORNERS,
    mask: Mask = None,
) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch"], Bool[Tensor, "*batch"]]:
    """Return loudness and lip displacement of each sequence, and where both are defined: the input of `slcc`.

    Arguments are those of `slcc`.

    Returns:
        Root mean square of the audio; root mean square over frames of the mouth points' mean displacement from frame to
        frame, without head pose, in eye distances; and a boolean, each `(...)`.
    """
    check_audio(preds, target, mask, audio)
    mouth, stable, eyes = check_indices(preds, mouth=mouth, stable=stable, eyes=eyes)
    preds = working_precision(preds)
    lips = list(mouth)
    face, found = reference_frame(preds, select(mask, [*mouth, *stable, *eyes]))
    fit = fit_to_reference(preds, face, stable, mask)
    lip_mask = fit.defined.unsqueeze(-1).expand(preds[..., lips, 0].shape)
    lip_mask = lip_mask if mask is None else lip_mask & mask[..., lips]
    change, both = difference(fit(preds[..., lips, :]), lip_mask, order=1)
    size = point_distance(face.unsqueeze(-3), indices=eyes).flatten(-2).squeeze(-1)
    steps = masked_mean(point_norm(change), both)
    used = both.any(-1)
    displacement = masked_mean(steps.square(), used).sqrt() / size.masked_fill(size <= 0, 1)
    loudness = frame_loudness(audio, num_frames=preds.shape[-3], sample_rate=sample_rate, fps=fps)
    frames = unpadded_frames(loudness.new_ones(preds.shape[:-2], dtype=torch.bool), mask)
    level = masked_mean(loudness.to(preds.dtype).square(), frames).sqrt()
    return level, displacement, found & used.any(-1) & ~(size <= 0)


def intensity_correlation(level: Tensor, displacement: Tensor, defined: Tensor, groups: Tensor | None = None) -> Tensor:
    """Return Pearson's r over sequences; with groups, of z-scores within each group."""
    level, displacement, defined = level.flatten(), displacement.flatten(), defined.flatten()
    if groups is not None:
        member = (groups.flatten().unsqueeze(-1) == groups.flatten()) & defined
        level, displacement = (_z_score(values, member) for values in (level, displacement))
        # A speaker with one clip has no standard deviation.
        defined = defined & torch.isfinite(level) & torch.isfinite(displacement)
    return pearson(level, displacement, defined, constant_std=1e-12)


def _z_score(values: Tensor, member: Tensor) -> Tensor:
    rows = values.expand(member.shape)
    return (values - masked_mean(rows, member)) / masked_std(rows, member)


def slcc(
    preds: Keypoints,
    target: Keypoints | None = None,
    *,
    audio: Float[Tensor, "*batch s"],
    groups: Int[Tensor, "*batch"] | None = None,
    sample_rate: int = 16_000,
    fps: float = 25.0,
    mouth: Sequence[int] = MOUTH,
    stable: Sequence[int] = STABLE_POINTS,
    eyes: Sequence[int] = EYE_CORNERS,
    mask: Mask = None,
) -> Float[Tensor, ""]:
    """Return the speech-lip intensity correlation: Pearson's r over sequences of loudness and lip displacement.

    Louder speech moves the lips further. With `groups`, both are z-scored within each speaker first, as in
    arXiv 2503.20308.

    Args:
        preds: `(..., T, K, D)`, correlated over all leading dimensions. See `kp_metrics.functional` for the arguments.
        audio: Waveform `(..., S)`, mono, of one recording level.
        groups: `(...)`: the number of each sequence's speaker.

    Returns:
        -1 to 1, a scalar; higher is better, and the ground truth has its own value. 0 if either never changes, NaN
        with fewer than two sequences.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> face = (torch.rand(68, 2, generator=generator) * 100).repeat(3, 8, 1, 1)
        >>> loud = torch.tensor([1.0, 2.0, 3.0])
        >>> face[:, 1::2, 48:] += loud[:, None, None, None]
        >>> slcc(face, audio=loud[:, None] * torch.ones(3, 5120))
        tensor(1.)
    """
    values = intensities(
        preds, target, audio=audio, sample_rate=sample_rate, fps=fps, mouth=mouth, stable=stable, eyes=eyes, mask=mask
    )
    return intensity_correlation(*values, groups)
