"""Beat alignment of head motion and speech."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.functional.motion.velocity import difference, sequence_size
from kp_metrics.primitives.audio_energy import audio_beats, frame_loudness
from kp_metrics.primitives.checks import check_audio, check_indices, check_positive, checked_pair, frame_mask, select
from kp_metrics.primitives.ibug68 import EYE_CORNERS, STABLE_POINTS
from kp_metrics.primitives.normalizers import point_distance, point_norm
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.time_series import CONSTANT_STD, local_extrema, masked_mean, smooth, unpadded_frames
from kp_metrics.primitives.types import Keypoints, Mask, Values


def beat_align(
    preds: Keypoints,
    target: Keypoints | None = None,
    *,
    audio: Float[Tensor, "*batch s"] | None = None,
    beats: Bool[Tensor, "*batch t"] | None = None,
    sample_rate: int = 16_000,
    fps: float = 25.0,
    sigma: float = 3.0,
    smoothing: float = 1.0,
    stable: Sequence[int] = STABLE_POINTS,
    eyes: Sequence[int] = EYE_CORNERS,
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return how near each audio beat has a head-motion beat: `mean exp(−Δ² / 2σ²)` over the audio's beats.

    A motion beat is a local minimum of the smoothed speed of the stable points. The mean over the audio's beats is that
    of Bailando and SadTalker, where σ is 3 frames; the beats come from `audio_beats`, or are given as `beats`.

    Args:
        preds: `(..., T, K, D)`. Shared arguments are described in `kp_metrics.functional`.
        audio: Waveform `(..., S)`, mono; or give `beats`.
        beats: `(..., T)`: frames with a beat, from your own beat tracker.
        sigma: Width of the Gaussian, frames.
        smoothing: Standard deviation of the speed's smoothing, frames.
        eyes: Outer eye corners, for the scale below which a head is still.
        reduction: Reduces one value per sequence.

    Returns:
        0 (also for a head that never moves) to 1; higher is better. NaN for a sequence without an audio beat.

    Raises:
        ValueError: Neither or both of `audio` and `beats` are given, or shapes, types or options do not match.

    Example:
        >>> time = torch.arange(40.0)
        >>> face = torch.rand(68, 2, generator=torch.Generator().manual_seed(0)) * 100
        >>> nodding = face + torch.stack([torch.zeros(40), 20 * torch.sin(time / 5)], -1)[:, None]
        >>> beats = torch.zeros(40, dtype=torch.bool)
        >>> beats[[8, 24]] = True  # where the nod reverses
        >>> beat_align(nodding, beats=beats).item() > 0.95
        True
    """
    if (audio is None) == (beats is None):
        raise ValueError("expected either audio or beats, got " + ("neither" if audio is None else "both"))
    preds, target = checked_pair(preds, preds if target is None else target, mask)
    stable, eyes = check_indices(preds, stable=stable, eyes=eyes)
    check_positive(sigma=sigma, smoothing=smoothing)
    valid_frames = frame_mask(preds, select(mask, stable))
    if audio is not None:
        check_audio(preds, target, mask, audio)
        loudness = frame_loudness(audio, num_frames=preds.shape[-3], sample_rate=sample_rate, fps=fps)
        beats = audio_beats(loudness, valid=unpadded_frames(valid_frames, mask))
    assert beats is not None  # the check above, for the type checker
    if beats.shape != preds.shape[:-2]:
        raise ValueError(f"expected beats of shape {tuple(preds.shape[:-2])}, got {tuple(beats.shape)}")
    beats = beats & valid_frames
    motion = motion_beats(preds, valid_frames, stable, eyes, mask, smoothing)
    frame = torch.arange(preds.shape[-3], device=preds.device)
    gap = (frame[:, None] - frame[None]).abs().to(preds.dtype).masked_fill(~motion.unsqueeze(-2), torch.inf).amin(-1)
    closeness = torch.exp(-gap.square() / (2 * sigma**2))
    non_finite = (~torch.isfinite(preds[..., list(stable), :]).all(-1).all(-1) & valid_frames).any(-1)
    values = masked_mean(closeness, beats).masked_fill(non_finite, torch.nan)
    return reduce_values(values, beats.any(-1), reduction, item_dims=0)


def motion_beats(
    preds: Tensor, valid: Tensor, stable: Sequence[int], eyes: Sequence[int], mask: Tensor | None, smoothing: float
) -> Tensor:
    """Return the frames where the head comes to rest, `(..., T)`: local minima of its smoothed speed."""
    change, both = difference(preds[..., list(stable), :], select(mask, stable), order=1)
    size = sequence_size(lambda points, valid: point_distance(points, valid, indices=eyes), preds, mask).squeeze(-1)
    speed = masked_mean(point_norm(change), both).nan_to_num() / size.clamp(min=1e-9)
    usable = both.all(-1)
    smoothed = smooth(speed, usable, smoothing)
    still = ~(smoothed.masked_fill(~usable, 0).amax(-1, keepdim=True) > CONSTANT_STD) if usable.shape[-1] else usable
    beats = torch.zeros_like(valid)
    beats[..., 1:] = (local_extrema(smoothed, usable) < 0) & ~still
    return beats
