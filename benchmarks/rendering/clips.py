"""The scores of one clip: one of its frames is the portrait, its keypoints drive it."""

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from rendering.crops import Image, errors
from rendering.flicker import flicker
from rendering.identity import identity
from rendering.reannotation import annotated_again
from rendering.warps import PAINTED, WARPED, methods

from a2k_nets.inference.generate import generate_sequence
from kp_io import read_video
from kp_io.keypoints import KeypointSequence
from kp_render.painting.painting_network import PaintingNetwork

__all__ = ["FOOTAGE", "GENERATED", "Footage", "choose_frames", "score_clip"]

FOOTAGE, GENERATED = "footage", "generated keypoints"
#: A portrait and a frame are at least this far apart.
_FRAMES_APART = 5


class Footage(NamedTuple):
    """Frames of a clip: the portrait is the first that has a face.

    Attributes:
        frames: All of them, RGB.
        points: `(T, 68, 2)`, pixels.
        first: Index of the portrait.
        chosen: Indices of frames to render, spread over the clip.
        in_a_row: Indices of as many frames after the portrait.
    """

    frames: list[Image]
    points: torch.Tensor
    first: int
    chosen: list[int]
    in_a_row: list[int]


def choose_frames(video: Path, sequence: KeypointSequence, count: int) -> Footage:
    """Read a clip, and choose `count` frames of it."""
    frames = list(read_video(video))[: len(sequence)]
    points = sequence.keypoints[: len(frames), :, :2].float()
    measured = (sequence.scores[: len(frames)] > 0).all(dim=1).nonzero().flatten()
    first = int(measured[0])
    rest = measured[measured > first + _FRAMES_APART]
    chosen = rest[torch.linspace(0, len(rest) - 1, count).round().long()].tolist() if len(rest) else []
    found = set(measured.tolist())
    in_a_row = [index for index in range(first, min(first + count, len(frames))) if index in found]
    return Footage(frames, points, first, chosen, in_a_row)


def score_clip(
    video: Path,
    sequence: KeypointSequence,
    network: PaintingNetwork,
    *,
    count: int,
    rows: set[str] | None = None,
    generate: bool = True,
) -> dict[str, dict[str, float]]:
    """Return scores by what made the frames.

    Args:
        video: The clip.
        sequence: Its annotation.
        network: The painter.
        count: How many frames.
        rows: Names of `methods` to score; None for all.
        generate: Also drive the portrait by keypoints that a2k generates from the sound. They are another take than the
            footage, so only re-annotation, identity and flicker count.
    """
    clip = choose_frames(video, sequence, count)
    frames, points = clip.frames, clip.points
    portrait, still = frames[clip.first], points[clip.first]
    shown = [frames[index] for index in clip.chosen]
    scores: dict[str, dict[str, float]] = {
        FOOTAGE: flicker([frames[i] for i in clip.in_a_row], points[clip.in_a_row].numpy())
        | annotated_again(shown, points[clip.chosen].numpy())
        | identity(portrait, still.numpy(), shown, points[clip.chosen].numpy())
    }
    for name, method in methods(portrait, still, network).items():
        if rows is not None and name not in rows:
            continue
        start = time.perf_counter()
        drawn = [method(points[index]) for index in clip.chosen]
        scores[name] = {"ms": 1000 * (time.perf_counter() - start) / len(clip.chosen)}
        pairs = zip(drawn, shown, clip.chosen, strict=True)
        found = [errors(frame, truth, points[index].numpy()) for frame, truth, index in pairs]
        scores[name] |= {key: float(np.mean([row[key] for row in found])) for key in found[0]}
        scores[name] |= _looked_at(portrait, still, drawn, points[clip.chosen])
        scores[name] |= flicker([method(points[i]) for i in clip.in_a_row], points[clip.in_a_row].numpy())
        if generate and name in (WARPED, PAINTED):
            said = _generated(video, sequence, clip.first)
            if max(clip.chosen) < len(said):
                drawn = [method(said[index]) for index in clip.chosen]
                row = _looked_at(portrait, still, drawn, said[clip.chosen])
                row |= flicker([method(said[i]) for i in clip.in_a_row], said[clip.in_a_row].numpy())
                scores[f"{name}, {GENERATED}"] = row
    return scores


def _looked_at(portrait: Image, still: torch.Tensor, drawn: list[Image], driving: torch.Tensor) -> dict[str, float]:
    points = driving.numpy()
    return annotated_again(drawn, points) | identity(portrait, still.numpy(), drawn, points)


def _generated(video: Path, sequence: KeypointSequence, first: int) -> torch.Tensor:
    """Return keypoints for the sound of a clip: lips by the network, the head as in the footage."""
    still = KeypointSequence(
        sequence.keypoints[first : first + 1], image_size=sequence.image_size, fps=sequence.fps, layout=sequence.layout
    )
    made = generate_sequence(still, video, driving=sequence, neutralize_mouth=False).keypoints[..., :2]
    return made.float()
