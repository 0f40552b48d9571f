"""Interpolate or cut out the frames without a measurement."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kp_io.keypoints.sequence import KeypointSequence

#: Gaps up to this long are interpolated: a syllable or two, in which a face moves little.
DEFAULT_MAX_GAP_SECONDS = 0.4


def interpolate_missing(keypoints: Float[Tensor, "t k d"], measured: Bool[Tensor, " n"]) -> Float[Tensor, "t k d"]:
    """Return new keypoints with unmeasured frames interpolated: linearly between neighbours, constant at the ends.

    The measured frames are unchanged, and the values of the others are ignored.

    Raises:
        ValueError: No frame was measured, or the lengths differ.

    Example:
        >>> track = torch.tensor([0.0, 9.0, 4.0]).reshape(3, 1, 1)
        >>> interpolate_missing(track, torch.tensor([True, False, True])).flatten()
        tensor([0., 2., 4.])
    """
    if measured.shape != keypoints.shape[:1]:
        given = tuple(measured.shape)
        raise ValueError(f"expected measured of shape {tuple(keypoints.shape[:1])} like keypoints, got {given}")
    known = torch.nonzero(measured).flatten()
    if len(known) == 0:
        raise ValueError("expected at least one measured frame, got none")
    frames = torch.arange(len(keypoints), device=keypoints.device)
    after = torch.searchsorted(known, frames).clamp(max=len(known) - 1)
    before = (torch.searchsorted(known, frames, right=True) - 1).clamp(min=0)
    start, stop = known[before], known[after]
    weight = (frames - start) / (stop - start).clamp(min=1)
    weight = weight.clamp(0, 1).to(keypoints.dtype)[:, None, None]
    filled = keypoints[start] + weight * (keypoints[stop] - keypoints[start])
    return torch.where(measured[:, None, None], keypoints, filled)


def split_at_gaps(measured: Bool[Tensor, " t"], *, max_gap: int) -> list[range]:
    """Return the runs of frames between gaps longer than `max_gap` frames; 0 cuts at every gap.

    Runs are half-open and in order, each starting and ending with a measured frame; none if no frame was measured.
    `measured` is `sequence.scores.amax(dim=1) > 0`.

    Raises:
        ValueError: `max_gap` is negative.

    Example:
        >>> measured = torch.tensor([False, True, False, True, False, False, False, True, True])
        >>> split_at_gaps(measured, max_gap=1)
        [range(1, 4), range(7, 9)]
    """
    if max_gap < 0:
        raise ValueError(f"expected max_gap of at least 0 frames, got {max_gap}")
    known = torch.nonzero(measured).flatten().tolist()
    if not known:
        return []
    cuts = [i for i in range(1, len(known)) if known[i] - known[i - 1] - 1 > max_gap]
    starts, stops = [0, *cuts], [*cuts, len(known)]
    return [range(known[start], known[stop - 1] + 1) for start, stop in zip(starts, stops, strict=True)]


def split_sequence(
    sequence: KeypointSequence, *, max_gap_seconds: float = DEFAULT_MAX_GAP_SECONDS
) -> list[tuple[int, KeypointSequence]]:
    """Split a sequence at long gaps, without the unmeasured frames at both ends.

    Unmeasured frames have scores of 0, as in the output of `annotate_video`. Gaps up to `max_gap_seconds` are kept,
    interpolated; 0 cuts at every gap.

    Returns:
        Each piece with the index of its first frame in `sequence`, in order; empty if no frame was measured.

    Raises:
        ValueError: `max_gap_seconds` is negative.

    Example:
        >>> scores = torch.tensor([1.0, 0, 1, 0, 0, 0, 1, 0])[:, None].expand(8, 68)
        >>> sequence = KeypointSequence(torch.zeros(8, 68, 2), scores, fps=10.0, image_size=(64, 64))
        >>> [(start, len(piece)) for start, piece in split_sequence(sequence, max_gap_seconds=0.1)]
        [(0, 3), (6, 1)]
    """
    measured = sequence.scores.amax(dim=1) > 0
    # Rounding tolerance: 0.1 s at 29.97 fps is 3 frames, not 2.
    runs = split_at_gaps(measured, max_gap=int(max_gap_seconds * sequence.fps + 1e-6) if max_gap_seconds >= 0 else -1)
    return [(run.start, sequence.frames(run.start, run.stop)) for run in runs]
