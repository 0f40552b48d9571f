"""Tables as Markdown, LaTeX, CSV and JSON."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

_LATEX = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%_#$"},
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "–": "--",
    "−": "$-$",
}


def cell_text(value: float, interval: tuple[float, float] | None = None) -> str:
    """Return a value with its interval if that is wider than two decimals, or a dash for NaN.

    Example:
        >>> cell_text(0.456, (0.41, 0.5)), cell_text(1.0, (1.0, 1.0)), cell_text(float("nan"))
        ('0.46 [0.41, 0.50]', '1.00', '–')
    """
    if value != value:
        return "–"
    ends = None if interval is None or interval[0] != interval[0] else [_two(end) for end in interval]
    return _two(value) if ends is None or ends[0] == ends[1] else f"{_two(value)} [{ends[0]}, {ends[1]}]"


def _two(value: float) -> str:
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text


def to_markdown(cells: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; the first row is the header.

    Example:
        >>> print(to_markdown([["", "r"], ["model", "0.46"]]))
        | | r |
        |---|---|
        | model | 0.46 |
    """
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    lines[0] = lines[0].replace("|  |", "| |", 1)
    return "\n".join([lines[0], "|" + "---|" * len(cells[0]), *lines[1:]])


def to_latex(cells: Sequence[Sequence[str]]) -> str:
    r"""Return a LaTeX `tabular` for the booktabs package, with intervals in small print below their values.

    Example:
        >>> print(to_latex([["", "r"], ["no_piv", "0.46 [0.41, 0.50]"]]))
        \begin{tabular}{lr}
        \toprule
         & r \\
        \midrule
        no\_piv & \shortstack[r]{0.46\\{\tiny [0.41, 0.50]}} \\
        \bottomrule
        \end{tabular}
    """
    head, *body = [" & ".join(_latex_cell(cell) for cell in row) + r" \\" for row in cells]
    columns = "l" + "r" * (len(cells[0]) - 1)
    begin = rf"\begin{{tabular}}{{{columns}}}"
    return "\n".join([begin, r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}"])


def _latex_cell(text: str) -> str:
    value, bracket, interval = text.partition(" [")
    value = "".join(_LATEX.get(character, character) for character in value)
    return rf"\shortstack[r]{{{value}\\{{\tiny [{interval}}}}}" if bracket else value


def to_csv(
    values: Mapping[str, Mapping[str, float]],
    intervals: Mapping[str, Mapping[str, tuple[float, float]]],
    columns: Sequence[str],
) -> str:
    """Return CSV with a line per row and columns `<column>`, `<column>_low`, `<column>_high`; NaN is left empty.

    Example:
        >>> print(to_csv({"model": {"r": 0.5}}, {"model": {"r": (0.25, float("nan"))}}, ["r"]))
        row,r,r_low,r_high
        model,0.5,0.25,
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", *(name + end for name in columns for end in ("", "_low", "_high"))])
    for row, numbers in values.items():
        entries = [entry for name in columns for entry in (numbers[name], *intervals[row][name])]
        writer.writerow([row, *("" if entry != entry else f"{entry:.6g}" for entry in entries)])
    return text.getvalue().rstrip("\n")


def to_json(content: Any) -> str:
    """Return JSON with null for NaN, which is not valid JSON.

    Example:
        >>> to_json({"r": [float("nan"), 0.5]}).split()
        ['{', '"r":', '[', 'null,', '0.5', ']', '}']
    """
    return json.dumps(_without_nan(content), indent=2, ensure_ascii=False)


def _without_nan(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and content != content else content
