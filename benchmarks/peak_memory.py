"""Measure the peak memory of each job, in a process of its own.

    python benchmarks/peak_memory.py --out memory.json

The peak is `VmHWM` from the start of the job; for jobs with several processes, the largest sum over the processes, in
which shared pages such as libraries count for each.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from common.portrait import write_portrait
from common.run_metadata import describe_run
from memory.jobs import FRAMES, JOBS, VIDEO_JOBS
from memory.process_memory import tree_mb

__all__ = ["measure_job"]

_HERE = Path(__file__).resolve().parent
_POLL_SECONDS = 0.05


def measure_job(name: str, *, device: str, folder: Path) -> dict[str, Any]:
    """Return `start_mb`, `peak_mb`, `gpu_mb` and `seconds` of a job.

    Raises:
        RuntimeError: The job failed; the message has its stderr.
    """
    with tempfile.TemporaryFile() as log:
        arguments = [sys.executable, "-m", "memory.jobs", name, device, str(folder.resolve())]
        process = subprocess.Popen(arguments, cwd=_HERE, stdout=subprocess.PIPE, stderr=log)
        peak = 0.0
        while True:
            try:
                out, _ = process.communicate(timeout=_POLL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                peak = max(peak, tree_mb(process.pid))
        if process.returncode:
            log.seek(0)
            raise RuntimeError(f"expected the job {name!r} to work, got {log.read().decode(errors='replace')}")
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    # Preparation may take more than the job itself, so the sum counts only for several processes.
    return found | ({"peak_mb": max(peak, found["peak_mb"])} if "workers" in name else {})


def main(
    out: Annotated[Path, typer.Option(help="JSON to write.")],
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.")] = "cpu",
    match: Annotated[str, typer.Option(help="Only jobs whose names contain this.")] = "",
) -> None:
    """Measure every job."""
    run = describe_run(torch.device(device))
    jobs = []
    for name in (*JOBS, *(VIDEO_JOBS if device == "cpu" else ())):
        if match not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            if name in VIDEO_JOBS:
                write_portrait(Path(folder) / "talk.mp4", FRAMES)
            jobs.append(measure_job(name, device=device, folder=Path(folder)))
        typer.echo(f"{jobs[-1]['peak_mb']:7.0f} MB  {name}")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"machine_info": run, "jobs": jobs}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
