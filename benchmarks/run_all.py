"""Run all measurements of speed, memory, cold starts and scaling, and write the pages.

    nox -s bench                          # or, where everything is installed already:
    python benchmarks/run_all.py
    python benchmarks/run_all.py --quick  # smaller, as a smoke test; writes to out/bench and no page

The results are JSON files in benchmarks/results; `benchmarks/report.py` makes the tables.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from report import RESULTS, write_pages

HERE = Path(__file__).parent
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PICTURE = HERE.parent / "docs" / "images" / "growth.png"


def parts(results: Path, picture: Path, *, device: str, quick: bool) -> dict[str, list[str]]:
    """Return the arguments of Python by measurement."""
    pytest = ["-m", "pytest", str(HERE), "-q", "-p", "no:cacheprovider", "--device", device]
    columns = ["--benchmark-group-by=group", "--benchmark-columns=median,iqr,rounds"]
    only = ["--quick"] if quick else []
    on = ["--device", device]
    return {
        "speed": [*pytest, *columns, *only, f"--benchmark-json={results / 'bench.json'}"],
        "memory": [str(HERE / "peak_memory.py"), "--out", str(results / "memory.json"), *on]
        + (["--match", "nothing"] if quick else []),
        "cold starts": [str(HERE / "cold_start.py"), "--out", str(results / "cold_start.json")]
        + (["--rounds", "1"] if quick else []),
        "growth": [str(HERE / "growth.py"), "--out", str(results / "growth.json"), "--picture", str(picture), *on]
        + (["--most", "0.02"] if quick else []),
    }


def main(
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.")] = "cpu",
    out: Annotated[Path | None, typer.Option(help="Folder for the results; pages are not changed.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A small part, as a smoke test.")] = False,
) -> None:
    """Run all measurements and write the pages."""
    if out is None and (quick or device != "cpu"):
        out = Path("out") / "bench"
    results, picture = (RESULTS, PICTURE) if out is None else (out, out / "growth.png")
    results.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    for name, arguments in parts(results.resolve(), picture.resolve(), device=device, quick=quick).items():
        typer.secho(f"— {name}", bold=True)
        start = time.monotonic()
        # Cold starts run as users have them; all others use one thread unless a row says otherwise.
        threads = {} if name == "cold starts" else dict.fromkeys(ONE_THREAD, "1")
        fewer = {"KP_METRICS_BENCH_SEQUENCES": "200"} if quick else {}
        environment = {**os.environ, **threads, **fewer}
        if code := subprocess.run([sys.executable, *arguments], env=environment, check=False).returncode:
            typer.secho(f"error: {name} ended with exit code {code}; no page was changed", err=True, fg="red")
            raise typer.Exit(1)
        typer.echo(f"{name}: {time.monotonic() - start:.0f} s")
    if out is None:
        write_pages(results)
    typer.echo(f"all of it: {time.monotonic() - begin:.0f} s, results in {results}")


if __name__ == "__main__":
    typer.run(main)
