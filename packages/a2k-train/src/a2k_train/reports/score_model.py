"""Evaluation of one model of any preset, with table and plots."""

import logging
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from a2k_nets import AnyModel, Audio2Keypoint, PaperAudio2Keypoint
from a2k_train.data.clip import Clip
from a2k_train.data.clip_store import ClipStore
from a2k_train.evaluation.clip_score import ClipScore
from a2k_train.evaluation.evaluate import evaluate
from a2k_train.evaluation.predictions import GROUND_TRUTH
from a2k_train.evaluation.run_model import run_model
from a2k_train.reports.evaluation_report import evaluate_fully, write_evaluation
from a2k_train.reports.plots import plot_correlations, plot_mouths
from a2k_train.reports.results_table import Table, scored_rows, split_scores, summarize, write_scores
from a2k_train.statistics.faces import FaceStatistics, face_statistics

logger = logging.getLogger(__name__)

#: Number of clips in the plot of mouth openings.
_NUM_PLOTTED = 4


def score_model(
    model: AnyModel,
    clips: list[Clip],
    *,
    training: Callable[[], ClipStore] | None,
    out: Path | None,
    seed: int,
    on_clip: Callable[[int], None],
    apart: str | None = None,
) -> Table:
    """Score a model and the baselines; write table, per-clip scores and plots if a folder is given.

    A model of the presets `listener` and `residual` has its own mean face and a row without head motion, and every
    speaker has the same weight; for the preset `paper`, mean face and units come from the training clips, or without
    these from the model, and every clip has the same weight. With clips of one speaker the row with shuffled audio is
    left out, with a warning. Speakers whose names begin with `apart` get a table of their own, see `write_scores`.
    """
    derangements = 5
    if len({clip.speaker for clip in clips}) < 2:
        logger.warning('the clips are of one speaker: the row "shuffled audio" is left out, it needs two')
        derangements = 0
    if isinstance(model, Audio2Keypoint):
        scores = evaluate(model, clips, derangements=derangements, seed=seed, on_clip=on_clip)
        if out is None:
            others, _ = split_scores(scores, apart)
            return summarize(others, rows=scored_rows(scores), by_speaker=True)
        table = write_scores(out, scores, apart=apart)
        _plot(out, model, clips, scores)
        return table
    evaluation = evaluate_fully(
        {"model": model},
        clips,
        statistics=_statistics(model, training),
        derangements=derangements,
        seed=seed,
        on_clip=on_clip,
    )
    return evaluation.table() if out is None else write_evaluation(out, evaluation)


def _statistics(model: PaperAudio2Keypoint, training: Callable[[], ClipStore] | None) -> FaceStatistics:
    """Return the statistics of the training clips; without clips, those of the clips that the model was trained on."""
    if training is not None:
        return face_statistics(training().clips())
    normalizer = model.normalizer
    return FaceStatistics(normalizer.mean.cpu().clone(), normalizer.std.cpu().clone())


@torch.no_grad()
def _plot(out: Path, model: Audio2Keypoint, clips: list[Clip], scores: list[ClipScore]) -> None:
    """Plot the mouth correlation of every clip and the mouth opening of a few, if matplotlib is installed."""
    examples: dict[str, dict[str, Tensor]] = {}
    # The first clip of each speaker by id: an arbitrary choice, not a selection of good ones.
    for clip in sorted({clip.speaker: clip for clip in reversed(clips)}.values(), key=lambda clip: clip.id)[
        :_NUM_PLOTTED
    ]:
        preds = run_model(model, clip.waveform[None], clip.keypoints[:1], head_motion=0.0)[0]
        examples[clip.id] = {"model": preds, GROUND_TRUTH: clip.keypoints}
    try:
        plot_correlations(out / "correlation.png", scores)
        plot_mouths(out / "mouth.png", examples, models=("model",), fps=float(model.config.fps))
    except ImportError as error:
        logger.warning("left out the plots: %s", error)
