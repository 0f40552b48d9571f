"""Evaluation of several models, with tables, spectra and plots."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from a2k_train.data.clip import Clip
from a2k_train.evaluation.clip_score import ClipScore
from a2k_train.evaluation.evaluate import clip_seed, evaluate
from a2k_train.evaluation.predictions import GROUND_TRUTH, Model, predict_rows
from a2k_train.evaluation.velocity_spectra import Spectra, write_spectra
from a2k_train.reports.plots import plot_correlations, plot_mouths, plot_spectra
from a2k_train.reports.results_table import ABLATION_COLUMNS, Table, summarize, write_table
from a2k_train.statistics.faces import FaceStatistics
from kp_io import IBUG68

logger = logging.getLogger(__name__)

#: Plotted clips, by their rank in mouth correlation from the worst (0) to the best (1).
_RANKS = {"best clip": 1.0, "upper quartile": 0.75, "lower quartile": 0.25, "worst clip": 0.0}


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Scores, spectra and example clips of several models.

    Attributes:
        models: Names of the models' rows.
        shuffled_models: Those that were also given other speakers' audio.
        scores: One per clip and row.
        spectra: Velocity spectra of every row.
        examples: Keypoints `(T, K, D)` of a few clips, by title and row. The first is the typical one: the clip of
            median correlation in the third whose faces are closest in size to the mean face.
        fps: Frames per second.
    """

    models: tuple[str, ...]
    shuffled_models: tuple[str, ...]
    scores: list[ClipScore]
    spectra: Spectra
    examples: dict[str, dict[str, Float[Tensor, "t k d"]]]
    fps: float

    @property
    def has_spectra(self) -> bool:
        """Whether a clip was long enough for spectra of every model and the ground truth."""
        return {GROUND_TRUTH, *self.models} <= set(self.spectra.rows)

    def table(self) -> Table:
        """Return the table of all rows, with intervals in all columns."""
        return summarize(self.scores, rows=None, columns=ABLATION_COLUMNS, with_interval=tuple(ABLATION_COLUMNS))


def evaluate_fully(
    models: Mapping[str, Model],
    clips: list[Clip],
    *,
    statistics: FaceStatistics,
    shuffled_models: Sequence[str] | None = None,
    derangements: int = 5,
    seed: int = 0,
    on_clip: Callable[[int], None] | None = None,
) -> Evaluation:
    """Score models on clips and collect spectra and examples; see `evaluate` for arguments and errors.

    The examples are chosen by rank of mouth correlation under the last model and by face size, not by hand.
    """
    names = tuple(models)
    fps = float(next(iter(models.values())).config.fps) if models else 25.0
    spectra = Spectra(fps=fps)
    scores = evaluate(
        models,
        clips,
        statistics=statistics,
        shuffled_models=shuffled_models,
        derangements=derangements,
        seed=seed,
        on_clip=on_clip,
        on_prediction=spectra.add,
    )
    correlations = [score.mouth_correlation for score in scores if score.row == names[-1]]
    examples = {}
    for title, index in _example_indices(clips, correlations, statistics).items():
        rows = predict_rows(models, clips[index], statistics=statistics, seed=clip_seed(seed, index))
        examples[f"{title}, r = {correlations[index]:.2f}"] = rows
    shuffled = names if shuffled_models is None else tuple(shuffled_models)
    return Evaluation(names, shuffled, scores, spectra, examples, fps)


def _example_indices(clips: list[Clip], correlations: list[float], statistics: FaceStatistics) -> dict[str, int]:
    """Return the indices of the example clips by title; the typical one is first."""
    ranked = sorted(range(len(clips)), key=lambda i: correlations[i] if correlations[i] == correlations[i] else -2.0)
    # A face far from the camera would be too small to see next to the mean face of the training data.
    typical = _eye_distance(statistics.mean)
    size_difference = [abs(math.log(_eye_distance(clip.keypoints[0]) / typical)) for clip in clips]
    similar = sorted(ranked, key=lambda i: size_difference[i])[: max(1, len(ranked) // 3)]
    typical_size = [index for index in ranked if index in similar]
    chosen = {"usual clip": typical_size[(len(typical_size) - 1) // 2]}
    return chosen | {title: ranked[round(rank * (len(ranked) - 1))] for title, rank in _RANKS.items()}


def _eye_distance(face: Float[Tensor, "k d"]) -> float:
    return max(1e-6, float((face[IBUG68.left_eye_corner] - face[IBUG68.right_eye_corner]).norm()))


def write_evaluation(folder: Path | str, evaluation: Evaluation) -> Table:
    """Write `clips.csv`, `table.md|csv|tex|json`, `spectra.csv` and three plots; return the table.

    The plots are `spectra.png`, `correlation.png` (one dot per clip) and `mouth.png` (mouth opening of a few clips over
    time). Without matplotlib they are left out, with a warning.
    """
    folder = Path(folder)
    table = evaluation.table()
    write_table(folder, evaluation.scores, table)
    if evaluation.has_spectra:
        write_spectra(folder / "spectra.csv", evaluation.spectra)
    else:
        logger.warning("no clip is long enough for velocity spectra; spectra.csv and spectra.png are left out")
    try:
        plot_correlations(folder / "correlation.png", evaluation.scores)
        plot_mouths(folder / "mouth.png", evaluation.examples, models=evaluation.models, fps=evaluation.fps)
        if evaluation.has_spectra:
            plot_spectra(folder / "spectra.png", evaluation.spectra, models=evaluation.models)
    except ImportError as error:
        logger.warning("left out the plots: %s", error)
    return table
