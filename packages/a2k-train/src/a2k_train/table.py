"""The table that says how good a model is: rows of baselines beside it, means over folds, intervals by speaker."""

import csv
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import torch

from kp_metrics import bootstrap_interval

__all__ = ["COLUMNS", "ROWS", "ClipScore", "Table", "summarize", "write_scores"]

#: Names of the rows, in the order of the table.
ROWS = ("mean face", "hold reference", "shuffled audio", "model, head still", "model", "ground truth")

#: Columns of the table: name in `ClipScore`, title.
COLUMNS = {
    "mouth_correlation": "mouth r ↑",
    "lip_error_ratio": "lip error / hold ↓",
    "mouth_amplitude_ratio": "mouth amplitude",
    "head_amplitude_ratio": "head amplitude",
    "l1": "L1 (% IOD) ↓",
    "pck": "PCK 0.02 (%) ↑",
}


# Columns that say whether a model listens; they are printed with their intervals.
_WITH_INTERVAL = ("mouth_correlation", "lip_error_ratio")


@dataclass(frozen=True, slots=True)
class ClipScore:
    """The metrics of one clip in one row of the table.

    Attributes:
        row: One of `ROWS`.
        fold: Fold of a cross-validation; 0 without one.
        clip: The clip's id.
        speaker: Its speaker.
        mouth_correlation: Pearson's r of predicted and true mouth opening.
        lip_error: Mean error of the lips in the pose-free frame, over the inter-ocular distance.
        mouth_amplitude_ratio: Standard deviation of predicted over true mouth opening.
        head_amplitude_ratio: The same of the head's pose.
        l1: Mean absolute coordinate error, % of the reference's inter-ocular distance.
        pck: Share of keypoints within 0.02 × the larger side of the sequence's box, %.
    """

    row: str
    fold: int
    clip: str
    speaker: str
    mouth_correlation: float
    lip_error: float
    mouth_amplitude_ratio: float
    head_amplitude_ratio: float
    l1: float
    pck: float


@dataclass(frozen=True, slots=True)
class Table:
    """Means over clips, then over folds; NaN where a row has no such number.

    Attributes:
        values: `values[row][column]`.
        intervals: 95 % bootstrap intervals of the same, resampling speakers.
        num_clips: Clips.
        num_speakers: Speakers.
    """

    values: dict[str, dict[str, float]]
    intervals: dict[str, dict[str, tuple[float, float]]]
    num_clips: int
    num_speakers: int

    def markdown(self) -> str:
        """Return the table in Markdown; intervals stand where they are wider than the two decimals."""
        lines = ["| | " + " | ".join(COLUMNS.values()) + " |", "|---|" + "---|" * len(COLUMNS)]
        for row in self.values:
            lines.append(f"| {row} | " + " | ".join(self._cell(row, name) for name in COLUMNS) + " |")
        return "\n".join(lines)

    def _cell(self, row: str, name: str) -> str:
        value, (low, high) = self.values[row][name], self.intervals[row][name]
        if value != value:
            return "–"
        shown = name in _WITH_INTERVAL and f"{low:.2f}" != f"{high:.2f}"
        return f"{value:.2f} [{low:.2f}, {high:.2f}]" if shown and low == low else f"{value:.2f}"


def summarize(scores: Iterable[ClipScore]) -> Table:
    """Return means and intervals of the scores; the lips' error is divided by the held reference's in the same fold."""
    scores = list(scores)
    held = {s.clip: s.lip_error for s in scores if s.row == "hold reference"}
    typical = {
        fold: _mean(s.lip_error for s in scores if s.fold == fold and s.row == "hold reference")
        for fold in {s.fold for s in scores}
    }
    values: dict[str, dict[str, float]] = {}
    intervals: dict[str, dict[str, tuple[float, float]]] = {}
    for row in ROWS:
        ours = [s for s in scores if s.row == row]
        values[row], intervals[row] = {}, {}
        for name in COLUMNS:
            if name == "lip_error_ratio":
                # A fold's ratio of means is the mean of its clips' ratios, weighted by how far their lips moved: so the
                # bootstrap draws both errors of a clip together.
                series = [s.lip_error / held.get(s.clip, float("nan")) for s in ours]
                weights = [held.get(s.clip, float("nan")) / typical[s.fold] for s in ours]
            else:
                series, weights = [getattr(s, name) for s in ours], [1.0] * len(ours)
            values[row][name], intervals[row][name] = _mean_over_folds(series, weights, ours)
    return Table(values, intervals, len({s.clip for s in scores}), len({s.speaker for s in scores}))


def _mean_over_folds(
    series: list[float], weights: list[float], scores: list[ClipScore]
) -> tuple[float, tuple[float, float]]:
    """Return the mean over folds of weighted means over clips, and its interval when speakers are drawn anew."""
    defined = [entry for entry in zip(series, weights, scores, strict=True) if entry[0] == entry[0]]
    if not defined:
        return float("nan"), (float("nan"), float("nan"))
    sizes: dict[int, int] = {}
    for _, _, score in defined:
        sizes[score.fold] = sizes.get(score.fold, 0) + 1
    # Every fold counts alike, so a clip counts the less, the more of them its fold has.
    shares = torch.tensor([w / (len(sizes) * sizes[s.fold]) for _, w, s in defined], dtype=torch.float64)
    values = torch.tensor([value for value, _, _ in defined], dtype=torch.float64)
    speakers = [score.speaker for _, _, score in defined]
    return float((values * shares).sum()), bootstrap_interval(values, weights=shares, groups=speakers)


def write_scores(folder: Path, scores: list[ClipScore]) -> Table:
    """Write `clips.csv`, `table.md` and `table.json` into a folder; return the table."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "clips.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(asdict(scores[0])))
        writer.writeheader()
        writer.writerows(asdict(score) for score in scores)
    table = summarize(scores)
    (folder / "table.md").write_text(table.markdown() + "\n", encoding="utf-8")
    (folder / "table.json").write_text(json.dumps(asdict(table), indent=2) + "\n", encoding="utf-8")
    return table


def _mean(values: Iterable[float]) -> float:
    """Return the mean of the defined values; NaN where there is none."""
    defined = [value for value in values if value == value]
    return fmean(defined) if defined else float("nan")
