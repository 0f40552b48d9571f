"""What `a2k-train evaluate` does with a model of either preset."""

import logging
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from a2k_nets import AnyModel, Audio2Keypoint
from a2k_train.data.clip import Clip
from a2k_train.data.clip_store import ClipStore
from a2k_train.evaluation.clip_score import ClipScore
from a2k_train.evaluation.evaluate import evaluate
from a2k_train.evaluation.predictions import GROUND_TRUTH
from a2k_train.reports.evaluation_report import evaluate_fully, write_evaluation
from a2k_train.reports.plots import plot_correlations, plot_mouths
from a2k_train.reports.results_table import Table, summarize, write_scores
from a2k_train.statistics.faces import face_statistics

logger = logging.getLogger(__name__)

#: Clips whose mouths are drawn.
_DRAWN = 4


def score_model(
    model: AnyModel,
    clips: list[Clip],
    *,
    training: Callable[[], ClipStore],
    out: Path | None,
    seed: int,
    on_clip: Callable[[int], None],
) -> Table:
    """Score a model beside its baselines; write table, rows of clips and plots where a folder is given.

    The `residual` preset brings its own mean face and a row with the head still; for the paper's, mean face and units
    come from the training clips.
    """
    if isinstance(model, Audio2Keypoint):
        scores = evaluate(model, clips, seed=seed, on_clip=on_clip)
        if out is None:
            return summarize(scores)
        table = write_scores(out, scores)
        _plot(out, model, clips, scores)
        return table
    statistics = face_statistics(training().clips())
    evaluation = evaluate_fully({"model": model}, clips, statistics=statistics, seed=seed, on_clip=on_clip)
    return evaluation.table() if out is None else write_evaluation(out, evaluation)


@torch.no_grad()
def _plot(out: Path, model: Audio2Keypoint, clips: list[Clip], scores: list[ClipScore]) -> None:
    """Draw every clip's mouth correlation, and the mouths of a few clips over time, where matplotlib is there."""
    drawn: dict[str, dict[str, Tensor]] = {}
    # One clip a speaker, in the order of their names: nobody chose them.
    for clip in sorted({clip.speaker: clip for clip in reversed(clips)}.values(), key=lambda clip: clip.id)[:_DRAWN]:
        preds = model(clip.waveform[None], clip.keypoints[:1], head_motion=0.0)[0]
        drawn[clip.id] = {"model": preds, GROUND_TRUTH: clip.keypoints}
    try:
        plot_correlations(out / "correlation.png", scores)
        plot_mouths(out / "mouth.png", drawn, models=("model",), fps=float(model.config.fps))
    except ImportError as error:
        logger.warning("left out the plots: %s", error)
