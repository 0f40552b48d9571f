"""Results table: rows of predictions, columns of metrics, cells with intervals."""

import csv
import io
import json
import math
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kp_metrics.evaluation.metric_registry import MetricInfo

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True)
class Score:
    """A cell: a value over all sequences with its bootstrap interval, each NaN if undefined.

    `sequences` is the number of sequences with a value.

    Example:
        >>> str(Score(0.4821, 0.4102, 0.5518, sequences=16))
        '0.482 [0.410, 0.552]'
    """

    value: float
    low: float
    high: float
    sequences: int

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "–"
        text = _format(self.value)
        return text if math.isnan(self.low) else f"{text} [{_format(self.low)}, {_format(self.high)}]"


def _format(value: float) -> str:
    """Return three decimals, fewer for large numbers, more for small ones above rounding error."""
    if abs(value) < 1e-6 or 0.001 <= abs(value) < 10:
        return f"{value:.3f}"
    return f"{value:.4g}"


@dataclass(frozen=True, slots=True)
class Row:
    """A row: the name of the predictions, and a score per metric, None where it does not apply."""

    name: str
    scores: tuple[Score | None, ...]


@dataclass(frozen=True, slots=True)
class EvaluationTable:
    """The result of `evaluate`; prints with rich, and writes CSV, JSON, Markdown and LaTeX.

    Attributes:
        metrics: The columns.
        rows: The rows, baselines first.
        confidence: Coverage of the intervals.
        resampled: What the bootstrap resampled, `"sequences"` or `"groups"`.

    Example:
        >>> from kp_metrics.evaluation.metric_registry import find_metrics
        >>> row = Row("model", (Score(0.9, 0.8, 1.0, sequences=4),))
        >>> table = EvaluationTable(find_metrics(["pck"]), (row,))
        >>> print(table.to_markdown())
        |  | pck ↑ (share) |
        |---|---|
        | model | 0.900 [0.800, 1.000] |
        >>> table.score("model", "pck").value
        0.9
    """

    metrics: tuple[MetricInfo, ...]
    rows: tuple[Row, ...]
    confidence: float = 0.95
    resampled: str = "sequences"

    def score(self, row: str, metric: str) -> Score:
        """Return one cell, or raise `KeyError` with the existing names."""
        for candidate in self.rows:
            for info, score in zip(self.metrics, candidate.scores, strict=True):
                if (candidate.name, info.name) == (row, metric) and score is not None:
                    return score
        rows, metrics = (", ".join(item.name for item in items) for items in (self.rows, self.metrics))
        raise KeyError(f"no score at row {row!r} and metric {metric!r}; rows are {rows}, metrics {metrics}")

    def _cells(self) -> list[list[str]]:
        head = ["", *(" ".join(filter(None, [m.name, m.arrow, f"({m.unit})"])) for m in self.metrics)]
        return [head, *([row.name, *("" if s is None else str(s) for s in row.scores)] for row in self.rows)]

    @property
    def caption(self) -> str:
        """Explanation of the brackets."""
        return f"in brackets {self.confidence:.0%} bootstrap intervals over {self.resampled}"

    def __rich__(self) -> "Table":
        # Imported here, because only shown tables need rich.
        from rich.markup import escape
        from rich.table import Table

        # Metrics are rows and predictions columns, with intervals below their values, so that it fits a terminal.
        head, *body = self._cells()
        intervals = any(score and not math.isnan(score.low) for row in self.rows for score in row.scores)
        table = Table(caption=self.caption if intervals else None)
        for title in ("", *(escape(cells[0]) for cells in body)):
            table.add_column(title, justify="right" if title else "left", overflow="fold")
        for index, title in enumerate(head[1:], start=1):
            table.add_row(title, *(escape(cells[index]).replace(" [", "\n[") for cells in body))
        return table

    def to_records(self) -> list[dict[str, Any]]:
        """Return a flat list with row, metric, unit, value, low, high and sequences; NaN as None."""
        return [
            {"row": row.name, "metric": info.name, "unit": info.unit}
            | {key: None if value != value else value for key, value in asdict(score).items()}
            for row in self.rows
            for info, score in zip(self.metrics, row.scores, strict=True)
            if score is not None
        ]

    def to_csv(self) -> str:
        """Return comma-separated values, one line per cell."""
        text = io.StringIO()
        columns = ["row", "metric", "unit", "value", "low", "high", "sequences"]
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.to_records())
        return text.getvalue()

    def to_json(self) -> str:
        """Return JSON: `confidence`, `resampled` and `scores`, one object per cell."""
        content = {"confidence": self.confidence, "resampled": self.resampled, "scores": self.to_records()}
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    def to_markdown(self) -> str:
        """Return a Markdown table."""
        head, *body = self._cells()
        lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in (head, *body)]
        lines.insert(1, "|" + "---|" * len(head))
        return "\n".join(lines)

    def to_latex(self) -> str:
        """Return a LaTeX `tabular` for the booktabs package."""
        head, *body = self._cells()
        lines = [" & ".join(_escape_latex(cell) for cell in cells) + r" \\" for cells in (head, *body)]
        columns = "l" + "r" * len(self.metrics)
        inner = "\n".join([lines[0], r"\midrule", *lines[1:]])
        return f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{inner}\n\\bottomrule\n\\end{{tabular}}\n"

    def save(self, path: str | Path) -> Path:
        """Write the table as .csv, .json, .md or .tex, by the suffix of `path`; return the path.

        Raises:
            ValueError: The suffix is none of the four.
        """
        path = Path(path)
        writers = {".csv": self.to_csv, ".json": self.to_json, ".md": self.to_markdown, ".tex": self.to_latex}
        if path.suffix not in writers:
            raise ValueError(f"expected a table as {', '.join(writers)}, got {path.name!r}")
        return write_atomic(path, writers[path.suffix]().rstrip("\n") + "\n")


def _escape_latex(text: str) -> str:
    for character in "&%_#$":
        text = text.replace(character, f"\\{character}")
    replacements = {"↑": r"$\uparrow$", "↓": r"$\downarrow$", "²": "$^2$", "³": "$^3$", "–": "--"}
    for character, command in replacements.items():
        text = text.replace(character, command)
    return text


def write_atomic(path: Path, text: str) -> Path:
    """Write to a temporary file and rename it, so that no partial file is left behind.

    Raises:
        OSError: The disk is full, or the folder cannot be created or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Unlike files of mkstemp, which are private, it gets the permissions of any new file: the umask decides.
        name = path.with_name(f".{path.stem[:80]}.{secrets.token_hex(4)}{path.suffix}")
        handle = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            name.replace(path)
        except BaseException:
            name.unlink(missing_ok=True)
            raise
    except OSError as error:
        # The system's message names the temporary file, or none.
        reason = error.strerror or str(error)
        raise type(error)(f"cannot write {path}: {reason}; make room or choose another folder") from error
    return path
