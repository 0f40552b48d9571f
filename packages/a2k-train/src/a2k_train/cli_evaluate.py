"""What `a2k-train evaluate` does with a model of either preset."""

from collections.abc import Callable
from pathlib import Path

from a2k_nets.model import Audio2Keypoint
from a2k_train.clips import Clip
from a2k_train.evaluate import evaluate
from a2k_train.evaluation_report import evaluate_fully, write_evaluation
from a2k_train.face_statistics import face_statistics
from a2k_train.recipe import AnyModel
from a2k_train.store import ClipStore
from a2k_train.table import Table, summarize, write_scores

__all__ = ["score_model"]


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
        return summarize(scores) if out is None else write_scores(out, scores)
    statistics = face_statistics(training().clips())
    evaluation = evaluate_fully({"model": model}, clips, statistics=statistics, seed=seed, on_clip=on_clip)
    return evaluation.table() if out is None else write_evaluation(out, evaluation)
