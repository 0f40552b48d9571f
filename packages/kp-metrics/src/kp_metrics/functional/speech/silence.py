"""Mouth opening in silence."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from kp_metrics.functional.face.mouth import opening_series
from kp_metrics.primitives.audio_energy import frame_loudness, silent_frames
from kp_metrics.primitives.checks import check_audio
from kp_metrics.primitives.ibug68 import EYE_CORNERS, INNER_LIP_CENTRES
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.time_series import unpadded_frames
from kp_metrics.primitives.types import Keypoints, Mask, Values


def silence_opening(
    preds: Keypoints,
    target: Keypoints | None = None,
    *,
    audio: Float[Tensor, "*batch s"],
    sample_rate: int = 16_000,
    fps: float = 25.0,
    threshold_db: float = -30.0,
    min_seconds: float = 0.3,
    lips: Sequence[int] = INNER_LIP_CENTRES,
    eyes: Sequence[int] = EYE_CORNERS,
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return the median mouth opening of a sequence within silent stretches of at least 300 ms (THEval).

    Args:
        preds: `(..., T, K, D)`. Shared arguments are described in `kp_metrics.functional`.
        threshold_db: Silence is at least this far below the loudest frame.
        min_seconds: Shortest silent stretch.
        reduction: Reduces one value per sequence.

    Returns:
        In eye distances, from 0 up; lower is better. NaN for a sequence without silence, which the mean leaves out.

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
    frames = unpadded_frames(valid, mask)
    silent = silent_frames(loudness, fps=fps, threshold_db=threshold_db, min_seconds=min_seconds, valid=frames) & valid
    # The median skips NaN: find it separately.
    has_nan = (series.isnan() & silent).any(-1)
    values = torch.nanquantile(series.masked_fill(~silent, torch.nan), 0.5, dim=-1)
    return reduce_values(values.masked_fill(has_nan, torch.nan), silent.any(-1), reduction, item_dims=0)
