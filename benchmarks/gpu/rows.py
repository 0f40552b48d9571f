"""Results as lines of JSON: one per number, for `table.py`."""

import json
import sys
from pathlib import Path


def write_row(out: Path, part: str, name: str, value: float | str, unit: str = "", verdict: str = "") -> None:
    """Append a result to `rows.jsonl` in a folder, and print it."""
    row = {"part": part, "name": name, "value": value, "unit": unit, "verdict": verdict}
    out.mkdir(parents=True, exist_ok=True)
    with (out / "rows.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    sys.stdout.write(f"{part} | {name} | {value} {unit} {verdict}\n")
    sys.stdout.flush()
