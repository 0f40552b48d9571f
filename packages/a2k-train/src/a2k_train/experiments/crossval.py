"""Cross-validation by speaker: every clip is scored with a model that has not seen its speaker."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lightning_fabric import Fabric

from a2k_nets import Audio2Keypoint, PaperConfig
from a2k_train.config.train_config import TrainConfig
from a2k_train.data.clip_store import ClipStore
from a2k_train.data.speaker_folds import speaker_folds
from a2k_train.evaluation.clip_score import ClipScore
from a2k_train.evaluation.evaluate import evaluate
from a2k_train.evaluation.velocity_spectra import Spectra
from a2k_train.recipes.ears.lessons import Lessons
from a2k_train.recipes.prepare_store import prepare_store
from a2k_train.reports.head_report import HeadReport
from a2k_train.reports.results_table import Table, write_scores
from a2k_train.training.fit import fit


def cross_validate(
    config: TrainConfig,
    store: ClipStore,
    run: Path | str,
    *,
    folds: int = 5,
    apart: str | None = None,
    fabric: Fabric | None = None,
    lessons: Callable[[int], Lessons] | None = None,
    on_step: Callable[[int, int, dict[str, float]], None] | None = None,
) -> Table:
    """For each fold, train on the others and score it; return the table of means over speakers.

    Args:
        config: Settings of each training; fold k trains with seed + k.
        store: All clips; their splits are ignored.
        run: Folder for `fold-0`, `fold-1`, …, `clips.csv`, `table.md`, `table.json`, and `heads.md`, which compares the
            head motion with a random walk. An interrupted run is resumed.
        folds: Number of folds.
        apart: Beginning of the names of speakers that get a table of their own, see `write_scores`.
        lessons: Returns speech and a teacher for a fold, which must not have seen the speakers that the fold holds out.
        fabric: Device and precision; by default one process on the CPU.
        on_step: Called with the fold, the steps done and the losses.

    Raises:
        ValueError: A fold would have fewer than two speakers, or the folder holds another run.
    """
    run = Path(run)
    if isinstance(config.model, PaperConfig):
        raise ValueError(
            "expected settings of the preset listener or residual, got the preset paper; `ablate` compares its variants"
        )
    store = prepare_store(config, store)
    speakers = store.speakers
    parts = speaker_folds(speakers, store.lengths.tolist(), folds=folds, seed=config.seed)
    if min(len({speakers[index] for index in part}) for part in parts) < 2:
        # Checked before hours of training: a fold's audio is shuffled among its speakers.
        raise ValueError(
            f"expected at least two speakers in each of {folds} folds, got {len(set(speakers))} "
            "speakers in all; choose fewer folds"
        )
    scores: list[ClipScore] = []
    heads = HeadReport(Spectra(fps=float(config.model.fps)))
    for fold, held_out in enumerate(parts):
        training = store.select([index for other, part in enumerate(parts) if other != fold for index in part])

        def report(step: int, losses: dict[str, float], fold: int = fold) -> None:
            if on_step is not None:
                on_step(fold, step, losses)

        settings, folder = replace(config, seed=config.seed + fold), run / f"fold-{fold}"
        model = fit(
            settings,
            training,
            folder,
            fabric=fabric,
            lessons=None if lessons is None else lessons(fold),
            on_step=report,
        )
        assert isinstance(model, Audio2Keypoint)
        clips = store.select(held_out).clips()
        scores += evaluate(model, clips, fold=fold, seed=config.seed)
        heads.evaluate_heads(model, training.clips(), clips, seed=config.seed)
    heads.write(run / "heads.md")
    return write_scores(run, scores, apart=apart)
