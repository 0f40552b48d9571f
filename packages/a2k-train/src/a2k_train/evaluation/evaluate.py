"""How well models follow unseen speakers, beside the baselines that give a number its meaning."""

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets import Audio2Keypoint
from a2k_nets.blocks import apply_similarity, invert_similarity
from a2k_train.data.clip import Clip, loop_from_random_offset
from a2k_train.data.shuffled_audio import mismatched_audio
from a2k_train.evaluation.clip_score import ClipScore, score_clip
from a2k_train.evaluation.predictions import (
    BASELINES,
    Model,
    Prediction,
    predict_rows,
    shuffled_row,
)
from a2k_train.statistics.faces import FaceStatistics


@torch.no_grad()
def evaluate(
    model: Audio2Keypoint,
    clips: list[Clip],
    *,
    fold: int = 0,
    derangements: int = 5,
    voices: Sequence[Float[Tensor, " _"]] | None = None,
    seed: int = 0,
    on_clip: Callable[[int], None] | None = None,
) -> list[ClipScore]:
    """Score a model on clips of speakers that it has not seen, each from its first frame.

    Args:
        model: The model; it is put in eval mode.
        clips: The clips.
        fold: Number that the scores carry.
        derangements: How many times every clip hears another clip's audio, of another speaker.
        voices: Waveforms of other speakers that every clip hears instead, where the clips themselves offer none.
        seed: Of the derangements and of the head's own motion.
        on_clip: Called with the number of clips done.

    Returns:
        One score for each clip and row.

    Raises:
        ValueError: All clips are of one speaker, so that there is no other's audio.
    """
    model.eval()
    shuffles = [] if voices else mismatched_audio(clips, count=derangements, seed=seed)
    scores = []
    for index, clip in enumerate(clips):
        reference = clip.keypoints[:1]
        seeded = torch.Generator().manual_seed(clip_seed(seed, index))
        preds = {
            "mean face": _place_mean_face(model, reference).expand_as(clip.keypoints),
            "hold reference": reference.expand_as(clip.keypoints),
            "model, head still": model(clip.waveform[None], reference, head_motion=0.0)[0],
            "model": model(clip.waveform[None], reference, generator=seeded)[0],
            "ground truth": clip.keypoints,
        }
        scores += [score_clip(row, clip, points, fold=fold) for row, points in preds.items()]
        for voice in voices or [clips[shuffle[index]].waveform for shuffle in shuffles]:
            audio = loop_from_random_offset(voice, len(clip.waveform), generator=seeded)
            points = model(audio[None], reference, head_motion=0.0)[0]
            scores.append(score_clip("shuffled audio", clip, points, fold=fold))
        if on_clip is not None:
            on_clip(index + 1)
    return scores


@torch.no_grad()
def evaluate_models(
    models: Mapping[str, Model],
    clips: list[Clip],
    *,
    statistics: FaceStatistics,
    shuffled: Sequence[str] | None = None,
    derangements: int = 5,
    seed: int = 0,
    on_clip: Callable[[int], None] | None = None,
    on_prediction: Callable[[Prediction], None] | None = None,
) -> list[ClipScore]:
    """Score several models, of any preset, on the same clips of speakers that they have not seen.

    Args:
        models: Models by the names of their rows; they are put in eval mode.
        clips: The clips, in the pixels of the statistics.
        statistics: Of the training data: the mean face, and the units of `l1_z`.
        shuffled: Names of the models that also hear other speakers; all by default. All hear the same.
        derangements: How many times every clip hears another clip's audio, of another speaker.
        seed: Of the derangements and of what a model draws.
        on_clip: Called with the number of clips done.
        on_prediction: Called with everything that is scored, once, and then forgotten here.

    Returns:
        One score for each clip and row, by clip, rows in the order of a table: mean face, hold reference, shuffled
        audio, the models, ground truth.

    Raises:
        ValueError: There is no model, `shuffled` names none of them, or all clips are of one speaker.
    """
    listeners = list(models if shuffled is None else shuffled)
    if not models or not set(listeners) <= set(models):
        raise ValueError(f"expected models, and shuffled out of their names, got {list(models)} and {listeners}")
    for model in models.values():
        model.eval()
    shuffles = mismatched_audio(clips, count=derangements, seed=seed) if listeners else []
    scores: list[ClipScore] = []

    def keep(row: str, clip: Clip, points: Tensor) -> None:
        scores.append(score_clip(row, clip, points, statistics=statistics))
        if on_prediction is not None:
            on_prediction(Prediction(row, clip, points))

    for index, clip in enumerate(clips):
        rows = predict_rows(models, clip, statistics=statistics, seed=clip_seed(seed, index))
        for name in BASELINES:
            keep(name, clip, rows.pop(name))
        moments = torch.Generator().manual_seed(clip_seed(seed, index))
        voices = [
            loop_from_random_offset(clips[shuffle[index]].waveform, len(clip.waveform), generator=moments)
            for shuffle in shuffles
        ]
        for name in listeners:
            for voice in voices:
                seeded = torch.Generator().manual_seed(clip_seed(seed, index))
                points = models[name](voice[None], clip.keypoints[:1], generator=seeded)[0]
                keep(shuffled_row(name, listeners), clip, points)
        for name, points in rows.items():
            keep(name, clip, points)
        if on_clip is not None:
            on_clip(index + 1)
    return scores


def clip_seed(seed: int, index: int) -> int:
    """Return the seed of what is drawn for the clip of that number, so that it can be predicted again alone."""
    return seed * 1_000_003 + index


def _place_mean_face(model: Audio2Keypoint, reference: Float[Tensor, "1 k 2"]) -> Float[Tensor, "1 k 2"]:
    """Return the mean face of the training data in the pose of the reference, pixels."""
    to_pixels = invert_similarity(model.normalizer.to_canonical(reference))
    return apply_similarity(to_pixels, model.normalizer.mean_face[None])
