"""Loudness, silence and beats of speech, one value per video frame."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import max_pool1d

from kp_metrics.primitives.checks import check_positive
from kp_metrics.primitives.time_series import masked_mean, masked_std


def frame_loudness(
    audio: Float[Tensor, "*batch s"], *, num_frames: int, sample_rate: int = 16_000, fps: float = 25.0
) -> Float[Tensor, "*batch t"]:
    """Return the root mean square of the audio within each video frame; 0 in frames after its end.

    Frame t covers the samples from `round(t · sample_rate / fps)` to `round((t + 1) · sample_rate / fps)`. The audio is
    mono and floating point; the result is in its unit.

    Raises:
        ValueError: The audio is empty or not floating point, or a rate is not above 0.

    Example:
        >>> frame_loudness(torch.tensor([1.0, -1.0, 3.0, 3.0]), num_frames=3, sample_rate=50, fps=25.0)
        tensor([1., 3., 0.])
    """
    check_positive(sample_rate=sample_rate, fps=fps)
    if not audio.is_floating_point() or audio.ndim < 1 or audio.shape[-1] == 0:
        given = f"{audio.dtype} of shape {tuple(audio.shape)}"
        raise ValueError(f"expected audio as a floating-point waveform (..., S), got {given}")
    samples = audio.shape[-1]
    edges = [min(samples, round(frame * sample_rate / fps)) for frame in range(num_frames + 1)]
    bounds = torch.tensor(edges, device=audio.device)
    # Running sums of a long clip outgrow float32, which is all that MPS has.
    precise = audio if audio.device.type == "mps" else audio.double()
    running = torch.cat([torch.zeros_like(precise[..., :1]), precise.square().cumsum(-1)], -1)
    energy = running[..., bounds[1:]] - running[..., bounds[:-1]]
    count = (bounds[1:] - bounds[:-1]).clamp(min=1)
    return (energy.clamp(min=0) / count).sqrt().to(audio.dtype)


def silent_frames(
    loudness: Float[Tensor, "*batch t"],
    *,
    fps: float = 25.0,
    threshold_db: float = -30.0,
    min_seconds: float = 0.3,
    valid: Bool[Tensor, "*batch t"] | None = None,
) -> Bool[Tensor, "*batch t"]:
    """Return the frames in silence: stretches of at least `min_seconds` below `threshold_db` of the loudest frame.

    Shorter stretches are stops within words. Frames that are not `valid` neither set the level nor count as silent.
    Audio that is all zero is all silent. `loudness` is that of `frame_loudness`.

    Example:
        >>> loudness = torch.tensor([1.0, 0.0, 1.0, 0.0, 0.0, 0.0])
        >>> silent_frames(loudness, fps=10.0)
        tensor([False, False, False,  True,  True,  True])
    """
    check_positive(fps=fps, min_seconds=min_seconds)
    inside = torch.ones_like(loudness, dtype=torch.bool) if valid is None else valid
    loudest = loudness.masked_fill(~inside, 0).amax(-1, keepdim=True)
    quiet = (loudness <= loudest * 10 ** (threshold_db / 20)) & inside
    frames, shortest = loudness.shape[-1], max(1, math.ceil(min_seconds * fps - 1e-9))
    if frames < shortest:
        return torch.zeros_like(quiet)
    starts = quiet.unfold(-1, shortest, 1).all(-1)
    padding = starts.new_zeros((*starts.shape[:-1], shortest - 1))
    return torch.cat([padding, starts, padding], -1).unfold(-1, shortest, 1).any(-1)


def audio_beats(
    loudness: Float[Tensor, "*batch t"], *, threshold: float = 1.0, valid: Bool[Tensor, "*batch t"] | None = None
) -> Bool[Tensor, "*batch t"]:
    """Return the frames where speech sets in: local maxima of the rise in log loudness, see `frame_loudness`.

    A beat rises by at least `threshold` standard deviations of the sequence's rises above their mean. Frames that are
    not `valid`, such as padding, neither count nor set the level.

    Example:
        >>> audio_beats(torch.tensor([0.1, 0.1, 1.0, 1.0, 0.1, 0.1, 0.1, 1.0]))
        tensor([False, False,  True, False, False, False, False,  True])
    """
    inside = torch.ones_like(loudness, dtype=torch.bool) if valid is None else valid
    loudest = loudness.masked_fill(~inside, 0).amax(-1, keepdim=True)
    level = (loudness / loudest.clamp(min=1e-9) + 1e-3).log()
    both = torch.cat([torch.zeros_like(inside[..., :1]), inside[..., 1:] & inside[..., :-1]], -1)
    rise = torch.diff(level, prepend=level[..., :1]).clamp(min=0).masked_fill(~both, 0)
    bound = masked_mean(rise, both) + threshold * masked_std(rise, both)
    highest = max_pool1d(rise.reshape(-1, 1, rise.shape[-1]), 5, stride=1, padding=2).reshape(rise.shape)
    return (rise >= highest) & (rise > bound.unsqueeze(-1)) & (rise > 0)
