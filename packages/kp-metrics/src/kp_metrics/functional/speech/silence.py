"""Whether the mouth rests when nothing is said."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.functional.face.mouth import opening_series
from kp_metrics.primitives.audio_energy import frame_loudness, silent_frames
from kp_metrics.primitives.checks import check_audio
from kp_metrics.primitives.ibug68 import EYE_CORNERS, INNER_LIP_CENTRES
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.time_series import frames_in_time


def silence_opening(
    preds: Float[Tensor, "*batch t k d"],
    target: Float[Tensor, "*batch t k d"] | None = None,
    *,
    audio: Float[Tensor, "*batch s"],
    sample_rate: int = 16_000,
    fps: float = 25.0,
    threshold_db: float = -30.0,
    min_seconds: float = 0.3,
    lips: tuple[int, int] = INNER_LIP_CENTRES,
    eyes: tuple[int, int] = EYE_CORNERS,
    mask: Bool[Tensor, "*batch t k"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*out"]:
    """Median mouth opening of a sequence within silent stretches of at least 300 ms (THEval).

    Args:
        preds: Keypoints `(..., T, K, D)`.
        target: Not used but for its shape; every metric takes it.
        audio: Waveform `(..., S)`, mono.
        sample_rate: Samples a second.
        fps: Frames a second.
        threshold_db: Silence is that far below the loudest frame.
        min_seconds: Shortest silent stretch.
        lips: Upper and lower lip point; iBUG-68's 62 and 66 by default.
        eyes: Outer eye corners; iBUG-68's 36 and 45 by default.
        mask: `(..., T, K)`, True where a point is valid.
        reduction: `"mean"` or `"sum"` over sequences; `"sequence"` and `"none"` give one value a sequence.

    Returns:
        In eye distances, from 0 up; lower is better. NaN for a sequence without such a stretch; such are left out.

    Raises:
        ValueError: The shapes, types or options do not fit.

    Example:
        >>> face = torch.zeros(20, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> face[:, 66, 1] = torch.cat([torch.full((10,), 30.0), torch.full((10,), 5.0)])
        >>> speech = torch.cat([torch.ones(6400), torch.zeros(6400)])
        >>> silence_opening(face, audio=speech)
        tensor(0.0500)
    """
    check_audio(preds, target, mask, audio)
    series, valid = opening_series(preds, mask, lips, eyes)
    loudness = frame_loudness(audio, num_frames=preds.shape[-3], sample_rate=sample_rate, fps=fps)
    heard = frames_in_time(valid, mask)
    silent = silent_frames(loudness, fps=fps, threshold_db=threshold_db, min_seconds=min_seconds, valid=heard) & valid
    # The median skips NaN: count poisoned frames apart.
    poisoned = (series.isnan() & silent).any(-1)
    values = torch.nanquantile(series.masked_fill(~silent, torch.nan), 0.5, dim=-1)
    return reduce_values(values.masked_fill(poisoned, torch.nan), silent.any(-1), reduction, item_dims=0)
