"""Measure the start of commands from a shell: every `--help`, and the first frame of generation.

    python benchmarks/cold_start.py --out cold_start.json

Every start is a new process; the first start of each command, which may read from disk, is not counted. The
alternatives are Python that does nothing and Python that imports torch: lower bounds for all commands and for those
that compute.
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import torch
import typer
from common.run_metadata import describe_run

__all__ = ["Command", "commands", "time_command"]

SPEECH = Path(__file__).parents[1] / "examples" / "assets" / "sense_and_sensibility_0870.wav"
HELP_BAR, FRAME_BAR = 0.6, 6.0


@dataclass(frozen=True)
class Command:
    """A command to time.

    Attributes:
        name: The command line.
        arguments: Arguments of Python.
        until: End of the measurement: `exit`, or `first line` of output.
        bar: Target time, seconds.
        stdin: File for stdin.
    """

    name: str
    arguments: tuple[str, ...]
    until: str = "exit"
    bar: float | None = None
    stdin: Path | None = None


def commands(folder: Path) -> list[Command]:
    """Return the commands to time; their input files are written to a folder."""
    found = [
        Command("python -c pass", ("-c", "pass")),
        Command("python -c 'import torch'", ("-c", "import torch")),
    ]
    for name, module in (
        ("kp-io", "kp_io"),
        ("kp-metrics", "kp_metrics"),
        ("a2k", "a2k_nets"),
        ("a2k-train", "a2k_train"),
    ):
        for sub in ("", *_subcommands(module)):
            words = (*sub.split(), "--help")
            found.append(Command(" ".join((name, *words)), ("-m", module, *words), bar=HELP_BAR))
    picture, points = _faces(folder)
    for what, face in (("face.png", picture), ("face.npz", points)):
        arguments = ("--image", str(face), "--audio", str(SPEECH), "-o", str(folder / "out.npz"))
        found.append(
            Command(
                f"a2k generate --image {what} --audio speech.wav -o out.npz",
                ("-m", "a2k_nets", "generate", *arguments),
                bar=FRAME_BAR,
            )
        )
    stream = ("-m", "a2k_nets", "stream", "--image", str(points))
    found.append(Command("a2k stream --image face.npz", stream, until="first line", bar=FRAME_BAR, stdin=SPEECH))
    return found


def time_command(command: Command, *, rounds: int) -> list[float]:
    """Return the duration of a command in each round, after a warm-up round.

    Raises:
        RuntimeError: The command failed; the message has its stderr.
    """
    return [_once(command) for _ in range(rounds + 1)][1:]


def _once(command: Command) -> float:
    with (
        tempfile.TemporaryFile() as log,
        command.stdin.open("rb") if command.stdin else tempfile.TemporaryFile() as given,
    ):
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *command.arguments], stdin=given, stdout=subprocess.PIPE, stderr=log
        )
        assert process.stdout is not None
        if command.until == "first line":
            line = process.stdout.readline()
            taken = time.perf_counter() - start
            process.stdout.close()  # as `head -1` does
            process.wait()
            failed = not line
        else:
            process.communicate()
            taken = time.perf_counter() - start
            failed = process.returncode != 0
        if failed:
            log.seek(0)
            raise RuntimeError(f"expected `{command.name}` to work, got {log.read().decode(errors='replace')}")
    return taken


def _subcommands(module: str) -> list[str]:
    """Return the names of the subcommands."""
    import importlib

    import typer.main

    group = typer.main.get_command(importlib.import_module(f"{module}.cli").app)
    return sorted(getattr(group, "commands", {}))


def _faces(folder: Path) -> tuple[Path, Path]:
    """Write a portrait and its keypoints."""
    from skimage.data import astronaut

    from kp_io import annotate_image, save_keypoints, write_image

    picture, points = folder / "face.png", folder / "face.npz"
    write_image(picture, astronaut())
    save_keypoints(points, annotate_image(picture))
    return picture, points


def main(
    out: Annotated[Path, typer.Option(help="JSON to write.")],
    rounds: Annotated[int, typer.Option(min=1, help="Number of timed starts of each command.")] = 3,
) -> None:
    """Time every command."""
    run = describe_run(torch.device("cpu"))
    entries = []
    with tempfile.TemporaryDirectory() as folder:
        for command in commands(Path(folder)):
            times = time_command(command, rounds=rounds)
            fields = {name: value for name, value in asdict(command).items() if name in ("name", "until", "bar")}
            entries.append({**fields, "median": median(times), "best": min(times), "worst": max(times)})
            typer.echo(f"{median(times):6.2f} s  {command.name}")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"machine_info": run, "commands": entries}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
