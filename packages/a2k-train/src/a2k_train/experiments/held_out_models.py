"""Which model may be asked about which clip: one that never saw its speaker."""

import csv
from pathlib import Path

from a2k_nets import Audio2Keypoint
from a2k_train.config.toml_file import read_config
from a2k_train.data.clip_store import ClipStore
from a2k_train.data.speaker_folds import speaker_folds


def is_crossval(model: Path | None) -> bool:
    """Return whether a path is the run of a cross-validation, with a folder a fold."""
    return model is not None and (model / "fold-0" / "config.toml").is_file()


def load_listeners(model: Path | None, store: ClipStore) -> list[tuple[int, Audio2Keypoint]]:
    """Return for each clip the fold that it was held out of, and that fold's model.

    Args:
        model: The run of `a2k-train crossval`; or one checkpoint for all clips, as which it gets fold 0, the embedded
            one by default: then it is for the caller to give clips of speakers that it has not seen.
        store: The clips; for a run the very ones that it was trained on, in their order.

    Raises:
        ValueError: The run held out other clips, its folds are not done, or a checkpoint is of another preset.
        FileNotFoundError: There is no such checkpoint.
    """
    if model is None or not is_crossval(model):
        one = Audio2Keypoint.from_pretrained(model)
        return [(0, one)] * len(store)
    folds = sum(folder.is_dir() for folder in model.glob("fold-*"))
    # Fold k trains with the run's seed + k.
    seed = read_config(model / "fold-0" / "config.toml").seed
    parts = speaker_folds(store.speakers, store.lengths.tolist(), folds=folds, seed=seed)
    fold_of = {index: fold for fold, part in enumerate(parts) for index in part}
    _check_folds(model, {store.ids[index]: fold for index, fold in fold_of.items()})
    models = [Audio2Keypoint.from_pretrained(model / f"fold-{fold}") for fold in range(folds)]
    return [(fold_of[index], models[fold_of[index]]) for index in range(len(store))]


def _check_folds(run: Path, ours: dict[str, int]) -> None:
    """Raise if the run's own table says that a clip was held out of another fold."""
    table = run / "clips.csv"
    if not table.is_file():
        raise ValueError(
            f"expected a finished cross-validation, found no clips.csv in {run}; `crossval` goes on with it"
        )
    try:
        with table.open(newline="", encoding="utf-8") as file:
            theirs = {row["clip"]: int(row["fold"]) for row in csv.DictReader(file)}
    except (csv.Error, KeyError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"expected a table with the columns clip and fold in {table}, got {reason}") from error
    if theirs != ours:
        wrong = sorted(clip for clip in theirs.keys() | ours.keys() if theirs.get(clip) != ours.get(clip))
        raise ValueError(
            f"expected the clips that {run} was cross-validated on, so that each is heard by a model that never saw "
            f"its speaker; {len(wrong)} differ, {wrong[0]} for one; give the same corpus and splits"
        )
