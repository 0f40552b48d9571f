"""Resample keypoints to another frame rate."""

from dataclasses import replace
from fractions import Fraction

import torch

from kp_io.keypoints.sequence import KeypointSequence

#: Limit for files with a damaged frame rate, which would otherwise fill the memory.
_MAX_FRAMES = 10_000_000


def resample_fps(sequence: KeypointSequence, fps: float | Fraction) -> KeypointSequence:
    """Return the sequence at another frame rate, interpolated linearly in time.

    Frame n is at time (n + ½) / fps, as in `read_video`, so video, audio and keypoints stay in sync whichever is
    resampled. Each time is computed independently, so no error accumulates over an hour at 29.97 fps. The first and
    last frame are held at the ends. A frame between two others gets the lower of their scores, so 0 still means "not
    measured". The result has `max(1, round(T / sequence.fps * fps))` frames and is an unchanged copy if the rate is the
    same; `Fraction(30000, 1001)` and its float are equivalent.

    Raises:
        ValueError: `fps` is not positive, or the result would have more than ten million frames (days of video).

    Example:
        >>> track = torch.arange(4.0)[:, None, None].expand(4, 68, 2)
        >>> slow = resample_fps(KeypointSequence(track, fps=50.0, image_size=(64, 64)), 25.0)
        >>> slow.keypoints[:, 0, 0], slow.fps
        (tensor([0.5000, 2.5000]), 25.0)
    """
    if not 0 < float(fps) < float("inf"):
        raise ValueError(f"expected a positive number of frames per second, got {fps=}")
    # Broadcast rates are fractions of 1001; as floats they are off by 1e-12, which breaks half-way cases.
    old, new = (Fraction(rate).limit_denominator(1001) or Fraction(rate) for rate in (sequence.fps, fps))
    if old == new:
        return replace(sequence, keypoints=sequence.keypoints.clone(), scores=sequence.scores.clone())
    last = len(sequence) - 1
    count = max(1, round(len(sequence) * new / old))
    if count > _MAX_FRAMES:
        given = f"{count:,} from {len(sequence)} at {sequence.fps:g} fps resampled to {float(fps):g} fps"
        raise ValueError(f"expected at most {_MAX_FRAMES:,} frames of keypoints, got {given}; is the frame rate right?")
    position = ((torch.arange(count, dtype=torch.float64) + 0.5) * float(old / new) - 0.5).clamp(0, last)
    before = position.floor().long()
    after = (before + 1).clamp(max=last)
    weight = position - before
    points = sequence.keypoints.double()
    mixed = points[before] + weight[:, None, None] * (points[after] - points[before])
    scores = sequence.scores
    lower = torch.where(weight[:, None] > 0, torch.minimum(scores[before], scores[after]), scores[before])
    return replace(sequence, keypoints=mixed.to(sequence.keypoints.dtype), scores=lower, fps=float(fps))
