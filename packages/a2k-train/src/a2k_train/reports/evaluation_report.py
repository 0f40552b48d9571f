"""What an evaluation leaves in its folder: tables, spectra, plots."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from a2k_train.data.clip import Clip
from a2k_train.evaluation.clip_score import ClipScore
from a2k_train.evaluation.evaluate import clip_seed, evaluate_models
from a2k_train.evaluation.predictions import GROUND_TRUTH, Model, predict_rows
from a2k_train.evaluation.velocity_spectra import Spectra, write_spectra
from a2k_train.reports.plots import plot_correlations, plot_mouths, plot_spectra
from a2k_train.reports.results_table import ABLATION_COLUMNS, Table, summarize, write_table
from a2k_train.statistics.faces import FaceStatistics
from kp_io import IBUG68

logger = logging.getLogger(__name__)

#: Clips that are drawn, by their rank in mouth correlation from the worst to the best.
_RANKS = {"best clip": 1.0, "upper quartile": 0.75, "lower quartile": 0.25, "worst clip": 0.0}


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Everything that is known of models after they have been run over clips.

    Attributes:
        models: Names of the models' rows.
        listeners: Those of them that also heard other speakers.
        scores: One for each clip and row.
        spectra: Velocity spectra of every row.
        examples: Keypoints `(T, K, D)` by row of a few clips, by what they are. The first is the usual one:
            of the third whose faces are nearest in size to the mean face, the clip of the median correlation.
        fps: Frames a second.
    """

    models: tuple[str, ...]
    listeners: tuple[str, ...]
    scores: list[ClipScore]
    spectra: Spectra
    examples: dict[str, dict[str, Float[Tensor, "t k d"]]]
    fps: float

    @property
    def has_spectra(self) -> bool:
        """Whether there was a clip long enough for spectra of every model and of the truth."""
        return {GROUND_TRUTH, *self.models} <= set(self.spectra.rows)

    def table(self) -> Table:
        """Return the table of all rows with intervals everywhere."""
        return summarize(self.scores, rows=None, columns=ABLATION_COLUMNS, with_interval=tuple(ABLATION_COLUMNS))


def evaluate_fully(
    models: Mapping[str, Model],
    clips: list[Clip],
    *,
    statistics: FaceStatistics,
    shuffled: Sequence[str] | None = None,
    derangements: int = 5,
    seed: int = 0,
    on_clip: Callable[[int], None] | None = None,
) -> Evaluation:
    """Run models over clips once; see `a2k_train.evaluation.evaluate.evaluate_models` for the arguments and what is refused.

    The clips that are drawn are chosen by a rule, the rank of their mouth correlation under the last model and the size
    of their faces, and not by hand.
    """
    names = tuple(models)
    fps = float(next(iter(models.values())).config.fps) if models else 25.0
    spectra = Spectra(fps=fps)
    scores = evaluate_models(
        models,
        clips,
        statistics=statistics,
        shuffled=shuffled,
        derangements=derangements,
        seed=seed,
        on_clip=on_clip,
        on_prediction=spectra.add,
    )
    found = [score.mouth_correlation for score in scores if score.row == names[-1]]
    examples = {}
    for title, index in _chosen(clips, found, statistics).items():
        rows = predict_rows(models, clips[index], statistics=statistics, seed=clip_seed(seed, index))
        examples[f"{title}, r = {found[index]:.2f}"] = rows
    listeners = names if shuffled is None else tuple(shuffled)
    return Evaluation(names, listeners, scores, spectra, examples, fps)


def _chosen(clips: list[Clip], correlations: list[float], statistics: FaceStatistics) -> dict[str, int]:
    """Return which clips are drawn, by what they are; the typical one is first."""
    ranked = sorted(range(len(clips)), key=lambda i: correlations[i] if correlations[i] == correlations[i] else -2.0)
    # Beside a mean face of training, a person who stands far from the camera would be too small to see.
    typical = _eye_distance(statistics.mean)
    unlike = [abs(math.log(_eye_distance(clip.keypoints[0]) / typical)) for clip in clips]
    near = sorted(ranked, key=lambda i: unlike[i])[: max(1, len(ranked) // 3)]
    of_usual_size = [index for index in ranked if index in near]
    chosen = {"usual clip": of_usual_size[(len(of_usual_size) - 1) // 2]}
    return chosen | {title: ranked[round(rank * (len(ranked) - 1))] for title, rank in _RANKS.items()}


def _eye_distance(face: Float[Tensor, "k d"]) -> float:
    return max(1e-6, float((face[IBUG68.left_eye_corner] - face[IBUG68.right_eye_corner]).norm()))


def write_evaluation(folder: Path | str, evaluation: Evaluation) -> Table:
    """Write `clips.csv`, `table.md|csv|tex|json`, `spectra.csv` and, with matplotlib, three plots; return the table.

    The plots are `spectra.png`, `correlation.png` (a dot a clip) and `mouth.png` (openings of a few clips over time).
    Without matplotlib they are left out, with a warning.
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
