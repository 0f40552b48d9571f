"""The results table: a model and baselines, means over folds or speakers, intervals by resampling speakers."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

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
    "mouth_width_correlation": "width r ↑",
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
    """Means over clips, then over folds or speakers; NaN where a row has no value.

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
    by_speaker: bool = False,
) -> Table:
    """Return means and intervals of the scores; ratios are ratios of means.

    Args:
        scores: Scores of clips.
        rows: Row names in order; None for those of the scores, in order of appearance.
        columns: Titles by name in `ClipScore` or name of a ratio: `lip_error_ratio` (over the held reference),
            `silence_ratio`, `jitter_ratio`, `identity_ratio` (over the ground truth).
        with_interval: Columns that are printed with intervals.
        by_speaker: Weight every speaker equally, whatever the number of clips and the fold; otherwise every fold, and
            every clip of a fold.
    """
    scores = list(scores)
    if by_speaker:
        scores = [replace(score, fold=0) for score in scores]
    rows = list(dict.fromkeys(score.row for score in scores)) if rows is None else rows
    values: dict[str, dict[str, float]] = {}
    intervals: dict[str, dict[str, tuple[float, float]]] = {}
    for row in rows:
        ours = [s for s in scores if s.row == row]
        values[row], intervals[row] = {}, {}
        for name in columns:
            if name in _RATIOS:
                series, weights = _over(*_RATIOS[name], ours, scores, by_speaker=by_speaker)
            else:
                series, weights = [getattr(s, name) for s in ours], [1.0] * len(ours)
            values[row][name], intervals[row][name] = _mean(series, weights, ours, by_speaker=by_speaker)
    return Table(
        values,
        intervals,
        len({s.clip for s in scores}),
        len({s.speaker for s in scores}),
        dict(columns),
        tuple(with_interval),
    )


def _over(
    name: str, base: str, ours: list[ClipScore], scores: list[ClipScore], *, by_speaker: bool
) -> tuple[list[float], list[float]]:
    """Return the ratio of each clip's score to that of another row, and its weight.

    The ratio of means of a fold equals the mean of its clips' ratios weighted by the denominators; in this form the
    bootstrap draws both values of a clip together.
    """
    theirs = {s.clip: getattr(s, name) for s in scores if s.row == base}
    # A clip without either value is left out of both means.
    valid = [s for s in ours if getattr(s, name) == getattr(s, name) and theirs.get(s.clip, 0.0) > 0]
    typical: dict[int, float] = {}
    shares = _shares(valid, by_speaker=by_speaker)
    for fold in {s.fold for s in valid}:
        part = [(share, theirs[s.clip]) for share, s in zip(shares, valid, strict=True) if s.fold == fold]
        typical[fold] = sum(share * value for share, value in part) / sum(share for share, _ in part)
    clips = {s.clip for s in valid}
    series = [getattr(s, name) / theirs[s.clip] if s.clip in clips else float("nan") for s in ours]
    weights = [theirs[s.clip] / typical[s.fold] if s.clip in clips else 0.0 for s in ours]
    return series, weights


def _shares(scores: list[ClipScore], *, by_speaker: bool) -> list[float]:
    """Return each score's share of the mean: equal for all speakers, or for all folds; they add up to one."""
    groups = [score.speaker if by_speaker else score.fold for score in scores]
    sizes = Counter(groups)
    return [1 / (len(sizes) * sizes[group]) for group in groups]


def _mean(
    series: list[float], weights: list[float], scores: list[ClipScore], *, by_speaker: bool
) -> tuple[float, tuple[float, float]]:
    """Return the weighted mean of the defined values, and its interval resampling speakers."""
    defined = [entry for entry in zip(series, weights, scores, strict=True) if entry[0] == entry[0]]
    if not defined:
        return float("nan"), (float("nan"), float("nan"))
    equal = _shares([score for _, _, score in defined], by_speaker=by_speaker)
    shares = torch.tensor([w * share for share, (_, w, _) in zip(equal, defined, strict=True)], dtype=torch.float64)
    values = torch.tensor([value for value, _, _ in defined], dtype=torch.float64)
    speakers = [score.speaker for _, _, score in defined]
    return float((values * shares).sum()), bootstrap_interval(values, weights=shares, groups=speakers)


def scored_rows(scores: Iterable[ClipScore]) -> list[str]:
    """Return the rows of the table that have a score."""
    found = {score.row for score in scores}
    return [row for row in ROWS if row in found]


def split_scores(scores: Iterable[ClipScore], apart: str | None) -> tuple[list[ClipScore], list[ClipScore]]:
    """Return the scores of all other speakers, and of those whose names begin with `apart`, in any case.

    Raises:
        ValueError: No speaker's name begins so, or every one.
    """
    scores = list(scores)
    if apart is None:
        return scores, []
    others: list[ClipScore] = []
    chosen: list[ClipScore] = []
    for score in scores:
        (chosen if score.speaker.casefold().startswith(apart.casefold()) else others).append(score)
    if not chosen or not others:
        speakers = sorted({score.speaker for score in scores})
        raise ValueError(
            f"expected some speakers whose names begin with {apart!r} and some others, got {', '.join(speakers[:5])}"
            f"{', …' if len(speakers) > 5 else ''}"
        )
    return others, chosen


def write_scores(folder: Path, scores: list[ClipScore], *, apart: str | None = None) -> Table:
    """Write `clips.csv`, `table.md` and `table.json` to a folder; return the table, with the rows that have a score.

    Every speaker has the same weight. With `apart`, the speakers whose names begin so are in `table_apart.md` and
    `table_apart.json`, and the table is of the others.
    """
    others, chosen = split_scores(scores, apart)
    table = summarize(others, rows=scored_rows(scores), by_speaker=True)
    write_table(folder, scores, table, suffixes=("md", "json"))
    if chosen:
        own = summarize(chosen, rows=scored_rows(scores), by_speaker=True)
        _write_texts(folder / "table_apart", own, suffixes=("md", "json"))
    return table


def write_table(
    folder: Path, scores: list[ClipScore], table: Table, *, suffixes: Sequence[str] = ("md", "csv", "tex", "json")
) -> None:
    """Write the scores as `clips.csv`, one line per clip and row, and the table in the formats of `suffixes`."""
    with atomic_path(folder / "clips.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(asdict(scores[0])))
        writer.writeheader()
        writer.writerows(asdict(score) for score in scores)
    _write_texts(folder / "table", table, suffixes=suffixes)


def _write_texts(stem: Path, table: Table, *, suffixes: Sequence[str]) -> None:
    texts = {"md": table.markdown(), "csv": table.csv(), "tex": table.latex(), "json": to_json(asdict(table))}
    for suffix in suffixes:
        with atomic_path(stem.with_suffix(f".{suffix}")) as path:
            path.write_text(texts[suffix] + "\n", encoding="utf-8")
