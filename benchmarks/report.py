"""Write the tables of a run between the markers of the pages, or print them.

python benchmarks/report.py                   # benchmarks/results/*.json into benchmarks/README.md and docs
python benchmarks/report.py cuda.json         # print the table of one pytest-benchmark file
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from common.live_tables import browser_table, serve_table
from common.marked_blocks import fill_blocks
from common.result_tables import bench_table, cold_start_table, growth_table, machine_table, memory_table

__all__ = ["blocks_of", "write_pages"]

HERE = Path(__file__).parent
RESULTS = HERE / "results"
DOCS = HERE.parent / "docs"
PAGES = (HERE / "README.md", DOCS / "internals" / "performance.md", DOCS / "server.md", DOCS / "browser.md")
TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "bench": bench_table,
    "memory": memory_table,
    "cold_start": cold_start_table,
    "growth": lambda results: f"{_GROWTH_PICTURE}\n\n{growth_table(results)}",
}
#: What commands of their own measure, and not benchmarks/run_all.py.
LIVE_TABLES: dict[str, Callable[[dict[str, Any]], str]] = {"serve": serve_table, "browser": browser_table}
# The same run draws the picture.
_GROWTH_PICTURE = "![Seconds over size for generation, PCK and annotation, log over log](../images/growth.png)"


def blocks_of(folder: Path) -> dict[str, str]:
    """Return the generated blocks of the existing results by name; `machine` describes the first run.

    Raises:
        FileNotFoundError: There are no results.
    """
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}
    blocks = {name: table(found[name]) for name, table in TABLES.items() if name in found}
    if not blocks:
        raise FileNotFoundError(f"expected {', '.join(TABLES)} as .json in {folder}, found none; run `nox -s bench`")
    runs = [found[name]["machine_info"] for name in TABLES if name in found]
    live = {name: table(found[name]) for name, table in LIVE_TABLES.items() if name in found}
    return {"machine": machine_table(runs[0]), **blocks, **live}


def write_pages(folder: Path, pages: tuple[Path, ...] = PAGES) -> None:
    """Replace the generated blocks of every page."""
    blocks = blocks_of(folder)
    for page in pages:
        page.write_text(fill_blocks(page.read_text(encoding="utf-8"), blocks), encoding="utf-8")


def main(results: Annotated[Path | None, typer.Argument(help="A .json of pytest-benchmark to print.")] = None) -> None:
    """Write or print the tables of a run."""
    if results is None:
        write_pages(RESULTS)
        return
    found = json.loads(results.read_text(encoding="utf-8"))
    typer.echo(f"{machine_table(found['machine_info'])}\n\n{bench_table(found)}")


if __name__ == "__main__":
    typer.run(main)
