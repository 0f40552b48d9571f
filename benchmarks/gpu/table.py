"""One Markdown table of all results in a folder: rows, benchmarks, and how each part ended."""

import argparse
import json
import platform
from pathlib import Path

import torch


def lines(out: Path) -> list[str]:
    """Return the lines of the table."""
    found = [json.loads(line) for line in (out / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    bench = out / "bench.json"
    if bench.is_file() and bench.stat().st_size:
        for result in json.loads(bench.read_text(encoding="utf-8"))["benchmarks"]:
            info, seconds = result["extra_info"], result["stats"]["median"]
            name = f"{result['group']}: {info.get('row', result['name'])}"
            found.append({"part": "benchmark", "name": name, "value": 1e3 * seconds, "unit": "ms", "verdict": ""})
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    head = [
        f"{device}, torch {torch.__version__}, Python {platform.python_version()}",
        "",
        "| part | what | value | |",
        "|---|---|---|---|",
    ]
    return head + [f"| {r['part']} | {r['name']} | {_number(r['value'])} {r['unit']} | {r['verdict']} |" for r in found]


def _number(value: float | str) -> str:
    return " ".join(value.split())[:160].replace("|", "/") if isinstance(value, str) else f"{value:.4g}"


def main() -> None:
    """Write `table.md`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    (out / "table.md").write_text("\n".join(lines(out)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
