"""The results table: a model and baselines, means over folds, intervals by resampling speakers."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import torch

from a2k_train.evaluation.clip_score import ClipScore
from a2k_train.reports.table_formats import cell_text, to_csv, to_json, to_latex, to_markdown
from kp_io.filesystem import atomic_path
from kp_metrics import bootstrap_interval

#: Names of the rows, in the order of the table.
ROWS = ("mean face", "hold reference", "shuffled audio", "model, head still", "model", "ground truth")

#: Columns of the table: name in `ClipScore`, title.
COLUMNS = {
    "mouth_correlation": "mouth r ↑",
    "lip_error_ratio": "lip error / hold ↓",
    "mouth_amplitude_ratio": "mouth amplitude",
    "closure_f1": "closure F1 ↑",
    "silence_ratio": "silence / real",
    "head_amplitude_ratio": "head amplitude",
    "jitter_ratio": "jitter / real",
    "identity_ratio": "identity / real ↓",
    "l1": "L1 (% IOD) ↓",
    "pck": "PCK 0.02 (%) ↑",
}

#: Columns of the table of several models: the paper's two, amplitudes of motion, and identity.
ABLATION_COLUMNS = {
    "l1_z": "L1 (z) ↓",
    "pck_centred": "PCK 0.02 (%) ↑",
    "mouth_correlation": "mouth r ↑",
    "lip_error_ratio": "lip error / hold ↓",
    "mouth_amplitude_ratio": "mouth amplitude",
    "head_amplitude_ratio": "head amplitude",
    "head_turn_ratio": "head turn",
    "velocity_ratio": "velocity",
    "first_frame_error": "first frame (% IOD) ↓",
    "identity_error": "identity (% IOD) ↓",
    "identity_drift": "drift (% IOD)",
}

# Columns that are divided by another row of the same fold: name in `ClipScore`, the other row.
_RATIOS = {
    "lip_error_ratio": ("lip_error", "hold reference"),
    "silence_ratio": ("silence_opening", "ground truth"),
    "jitter_ratio": ("jitter", "ground truth"),
    "identity_ratio": ("identity_error", "ground truth"),
}

# Columns that depend on the audio; the short table has intervals in these only.
_WITH_INTERVAL = ("mouth_correlation", "lip_error_ratio", "closure_f1", "silence_ratio", "head_amplitude_ratio")


@dataclass(frozen=True, slots=True)
class Table:
    """Means over clips, then over folds; NaN where a row has no value.

    Attributes:
        values: `values[row][column]`.
        intervals: 95 % bootstrap intervals of the values, resampling speakers.
        num_clips: Number of clips.
        num_speakers: Number of speakers.
        columns: Titles by column name.
        with_interval: Columns that are printed with intervals.
    """

    values: dict[str, dict[str, float]]
    intervals: dict[str, dict[str, tuple[float, float]]]
    num_clips: int
    num_speakers: int
    columns: dict[str, str]
    with_interval: tuple[str, ...]

    def markdown(self) -> str:
        """Return the table in Markdown, with intervals that are wider than two decimals."""
        return to_markdown(self._cells())

    def latex(self) -> str:
        """Return a LaTeX `tabular` for the booktabs package, with intervals in small print."""
        return to_latex(self._cells())

    def csv(self) -> str:
        """Return CSV with a line per row: every value and the ends of its interval."""
        return to_csv(self.values, self.intervals, list(self.columns))

    def _cells(self) -> list[list[str]]:
        body = [[row, *(self._cell(row, name) for name in self.columns)] for row in self.values]
        return [["", *self.columns.values()], *body]

    def _cell(self, row: str, name: str) -> str:
        interval = self.intervals[row][name] if name in self.with_interval else None
        return cell_text(self.values[row][name], interval)


def summarize(
    scores: Iterable[ClipScore],
    *,
    rows: Sequence[str] | None = ROWS,
    columns: Mapping[str, str] = COLUMNS,
    with_interval: Sequence[str] = _WITH_INTERVAL,
) -> Table:
    """Return means and intervals of the scores; ratios are ratios of the means of a fold.

    Args:
        scores: Scores of clips.
        rows: Row names in order; None for those of the scores, in order of appearance.
        columns: Titles by name in `ClipScore` or name of a ratio: `lip_error_ratio` (over the held reference),
            `silence_ratio`, `jitter_ratio`, `identity_ratio` (over the ground truth).
        with_interval: Columns that are printed with intervals.
    """
    scores = list(scores)
    rows = list(dict.fromkeys(score.row for score in scores)) if rows is None else rows
    values: dict[str, dict[str, float]] = {}
    intervals: dict[str, dict[str, tuple[float, float]]] = {}
    for row in rows:
        ours = [s for s in scores if s.row == row]
        values[row], intervals[row] = {}, {}
        for name in columns:
            if name in _RATIOS:
                series, weights = _over(*_RATIOS[name], ours, scores)
            else:
                series, weights = [getattr(s, name) for s in ours], [1.0] * len(ours)
            values[row][name], intervals[row][name] = _mean_over_folds(series, weights, ours)
    return Table(
        values,
        intervals,
        len({s.clip for s in scores}),
        len({s.speaker for s in scores}),
        dict(columns),
        tuple(with_interval),
    )


def _over(name: str, base: str, ours: list[ClipScore], scores: list[ClipScore]) -> tuple[list[float], list[float]]:
    """Return the ratio of each clip's score to that of another row, and its weight.

    The ratio of means of a fold equals the mean of its clips' ratios weighted by the denominators; in this form the
    bootstrap draws both values of a clip together.
    """
    theirs = {s.clip: getattr(s, name) for s in scores if s.row == base}
    folds = {s.clip: s.fold for s in scores}
    # A clip without either value is left out of both means.
    valid = {s.clip for s in ours if getattr(s, name) == getattr(s, name) and theirs.get(s.clip, 0.0) > 0}
    typical = {fold: _mean(theirs[clip] for clip in valid if folds[clip] == fold) for fold in set(folds.values())}
    series = [getattr(s, name) / theirs[s.clip] if s.clip in valid else float("nan") for s in ours]
    weights = [theirs[s.clip] / typical[s.fold] if s.clip in valid else 0.0 for s in ours]
    return series, weights


def _mean_over_folds(
    series: list[float], weights: list[float], scores: list[ClipScore]
) -> tuple[float, tuple[float, float]]:
    """Return the mean over folds of weighted means over clips, and its interval resampling speakers."""
    defined = [entry for entry in zip(series, weights, scores, strict=True) if entry[0] == entry[0]]
    if not defined:
        return float("nan"), (float("nan"), float("nan"))
    sizes: dict[int, int] = {}
    for _, _, score in defined:
        sizes[score.fold] = sizes.get(score.fold, 0) + 1
    # Every fold has the same weight, so clips of larger folds have smaller weights.
    shares = torch.tensor([w / (len(sizes) * sizes[s.fold]) for _, w, s in defined], dtype=torch.float64)
    values = torch.tensor([value for value, _, _ in defined], dtype=torch.float64)
    speakers = [score.speaker for _, _, score in defined]
    return float((values * shares).sum()), bootstrap_interval(values, weights=shares, groups=speakers)


def scored_rows(scores: Iterable[ClipScore]) -> list[str]:
    """Return the rows of the table that have a score."""
    found = {score.row for score in scores}
    return [row for row in ROWS if row in found]


def write_scores(folder: Path, scores: list[ClipScore]) -> Table:
    """Write `clips.csv`, `table.md` and `table.json` to a folder; return the table, with the rows that have a score."""
    table = summarize(scores, rows=scored_rows(scores))
    write_table(folder, scores, table, suffixes=("md", "json"))
    return table


def write_table(
    folder: Path, scores: list[ClipScore], table: Table, *, suffixes: Sequence[str] = ("md", "csv", "tex", "json")
) -> None:
    """Write the scores as `clips.csv`, one line per clip and row, and the table in the formats of `suffixes`."""
    with atomic_path(folder / "clips.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(asdict(scores[0])))
        writer.writeheader()
        writer.writerows(asdict(score) for score in scores)
    texts = {"md": table.markdown(), "csv": table.csv(), "tex": table.latex(), "json": to_json(asdict(table))}
    for suffix in suffixes:
        with atomic_path(folder / f"table.{suffix}") as path:
            path.write_text(texts[suffix] + "\n", encoding="utf-8")


def _mean(values: Iterable[float]) -> float:
    """Return the mean of the defined values, or NaN."""
    defined = [value for value in values if value == value]
    return fmean(defined) if defined else float("nan")
