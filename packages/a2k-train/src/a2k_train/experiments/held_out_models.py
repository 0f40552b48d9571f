"""Assignment of cross-validation models to the clips of speakers that they have not seen."""

import csv
from pathlib import Path

from a2k_nets import Audio2Keypoint
from a2k_train.config.toml_file import read_config
from a2k_train.data.clip_store import ClipStore
from a2k_train.data.speaker_folds import speaker_folds


def is_crossval(model: Path | None) -> bool:
    """Return whether a path is the run folder of a cross-validation."""
    return model is not None and (model / "fold-0" / "config.toml").is_file()


def load_held_out_models(model: Path | None, store: ClipStore) -> list[tuple[int, Audio2Keypoint]]:
    """Return the fold that held out each clip, and the model of that fold.

    Args:
        model: Run folder of `a2k-train crossval`; or one checkpoint for all clips, by default `small`, which
            counts as fold 0. For one checkpoint, the caller makes sure that it has not seen the speakers.
        store: The clips; for a run the same clips in the same order as in the run.

    Raises:
        ValueError: The run held out other clips, its folds are not done, or a checkpoint is of another preset.
        FileNotFoundError: The checkpoint does not exist.
    """
    if model is None or not is_crossval(model):
        return [(0, Audio2Keypoint.from_pretrained(model))] * len(store)
    folds = sum(folder.is_dir() for folder in model.glob("fold-*"))
    # Fold k trains with the run's seed + k.
    seed = read_config(model / "fold-0" / "config.toml").seed
    parts = speaker_folds(store.speakers, store.lengths.tolist(), folds=folds, seed=seed)
    fold_of = {index: fold for fold, part in enumerate(parts) for index in part}
    _check_folds(model, {store.ids[index]: fold for index, fold in fold_of.items()})
    models = [Audio2Keypoint.from_pretrained(model / f"fold-{fold}") for fold in range(folds)]
    return [(fold_of[index], models[fold_of[index]]) for index in range(len(store))]


def held_out_teachers(run: Path, store: ClipStore, *, folds: int, seed: int) -> list[Audio2Keypoint]:
    """Return for each fold of a new cross-validation the model of a finished one that held out the same clips.

    Args:
        run: Run folder of the finished cross-validation.
        store: The clips, the same in the same order as in that run.
        folds: Number of folds of the new one.
        seed: Its seed.

    Raises:
        ValueError: The folder is none of a finished cross-validation, or its folds are others.
    """
    if not is_crossval(run):
        raise ValueError(f"expected the run folder of a cross-validation as teachers, got {run}")
    models = load_held_out_models(run, store)
    parts = speaker_folds(store.speakers, store.lengths.tolist(), folds=folds, seed=seed)
    if any(models[index][0] != fold for fold, part in enumerate(parts) for index in part):
        raise ValueError(
            f"expected teachers that held out what this cross-validation holds out, got other folds in {run}; give the "
            "same number of folds and the same seed"
        )
    return [models[part[0]][1] for part in parts]


def _check_folds(run: Path, expected: dict[str, int]) -> None:
    """Raise if the table of the run has another fold for a clip."""
    table = run / "clips.csv"
    if not table.is_file():
        raise ValueError(
            f"expected a finished cross-validation, found no clips.csv in {run}; `crossval` goes on with it"
        )
    try:
        with table.open(newline="", encoding="utf-8") as file:
            found = {row["clip"]: int(row["fold"]) for row in csv.DictReader(file)}
    except (csv.Error, KeyError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"expected a table with the columns clip and fold in {table}, got {reason}") from error
    if found != expected:
        wrong = sorted(clip for clip in found.keys() | expected.keys() if found.get(clip) != expected.get(clip))
        raise ValueError(
            f"expected the clips that {run} was cross-validated on, so that no model has seen the speakers that "
            f"it is scored on; {len(wrong)} differ, e.g. {wrong[0]}; give the same corpus and splits"
        )
