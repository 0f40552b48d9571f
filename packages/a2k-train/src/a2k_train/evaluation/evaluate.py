"""Scores of models on unseen speakers, with baselines for comparison."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets import Audio2Keypoint
from a2k_train.data.clip import Clip
from a2k_train.evaluation.clip_score import ClipScore, score_clip
from a2k_train.evaluation.predictions import Model, Prediction, predict_models, predict_residual
from a2k_train.evaluation.shuffled_audio import mismatched_audio
from a2k_train.statistics.faces import FaceStatistics


@torch.no_grad()
def evaluate(
    model: Audio2Keypoint | Mapping[str, Model],
    clips: list[Clip],
    *,
    statistics: FaceStatistics | None = None,
    shuffled_models: Sequence[str] | None = None,
    fold: int = 0,
    derangements: int = 5,
    voices: Sequence[Float[Tensor, " _"]] | None = None,
    seed: int = 0,
    on_clip: Callable[[int], None] | None = None,
    on_prediction: Callable[[Prediction], None] | None = None,
) -> list[ClipScore]:
    """Score models on clips of unseen speakers, each clip from its first frame.

    Args:
        model: A model of the preset `residual`, or several models of any preset by the names of their rows. They are
            put in eval mode.
        clips: The clips; for several models in the pixels of the statistics.
        statistics: Statistics of the training data: the mean face of several models, and the units of `l1_z`.
        shuffled_models: Names of the models that are also given other speakers' audio; all by default. All get the
            same audio.
        fold: Fold number of the scores.
        derangements: How many times every clip is given the audio of another speaker's clip; 0 for no such rows.
        voices: Waveforms of other speakers to use instead, for clips of one speaker.
        seed: Random seed of the derangements and the models.
        on_clip: Called with the number of clips done.
        on_prediction: Called once with each prediction that is scored.

    Returns:
        One score per clip and row, ordered by clip. Rows of one model: mean face, hold reference, the model without and
        with head motion, ground truth, shuffled audio. Rows of several: mean face, hold reference, shuffled audio, the
        models, ground truth.

    Raises:
        ValueError: There is no model, several models come without statistics, `shuffled_models` has an unknown name, or
            all clips are of one speaker and audio is to be shuffled.
    """
    predict: Callable[..., Iterator[tuple[str, Float[Tensor, "t k d"]]]]
    if isinstance(model, Mapping):
        networks, shuffled = list(model.values()), list(model if shuffled_models is None else shuffled_models)
        if not model or not set(shuffled) <= set(model):
            raise ValueError(f"expected models, and shuffled out of their names, got {list(model)} and {shuffled}")
        if statistics is None:
            raise ValueError("expected statistics of the training data to score several models, got none")
        predict = partial(predict_models, model, statistics=statistics, shuffled_models=shuffled)
    else:
        networks, shuffled, predict = [model], ["model"], partial(predict_residual, model)
    for network in networks:
        network.eval()
    shuffles = (
        mismatched_audio(clips, count=derangements, seed=seed) if shuffled and derangements and not voices else []
    )
    scores: list[ClipScore] = []
    for index, clip in enumerate(clips):
        other_audio = voices or [clips[shuffle[index]].waveform for shuffle in shuffles]
        for row, points in predict(clip, other_audio, seed=clip_seed(seed, index)):
            scores.append(score_clip(row, clip, points, fold=fold, statistics=statistics))
            if on_prediction is not None:
                on_prediction(Prediction(row, clip, points))
        if on_clip is not None:
            on_clip(index + 1)
    return scores


def clip_seed(seed: int, index: int) -> int:
    """Return the random seed of a clip, so that it can be predicted again alone."""
    return seed * 1_000_003 + index
