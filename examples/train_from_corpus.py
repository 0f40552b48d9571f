"""Train a checkpoint from a folder of talking-face videos, and evaluate it.

    python examples/train_from_corpus.py CORPUS RUNS

CORPUS has `manifest.csv` with the columns id, file, split (train, val, hard) and speaker; id is the video's name
without suffix. The steps, which can be resumed: annotate every video (RUNS/clips), cross-validate on train and val in
five folds by speaker (RUNS/crossval), train on train and val (RUNS/final), and score that model on hard (RUNS/hard),
which is not used for tuning.
"""

import csv
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer


def main(
    corpus: Annotated[Path, typer.Argument(help="Folder with manifest.csv and the videos in it.")],
    runs: Annotated[Path, typer.Argument(help="Output folder.")],
    workers: Annotated[int, typer.Option(min=1, help="Number of annotation processes.")] = 2,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Number of optimizer steps of each training, for a quick trial.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
) -> None:
    """Annotate, cross-validate, train and score."""
    manifest = corpus / "manifest.csv"
    if not manifest.is_file():
        typer.secho(f"error: expected a table of videos, found no {manifest}", err=True, fg=typer.colors.RED)
        raise typer.Exit(1)
    with manifest.open(newline="", encoding="utf-8") as file:
        videos = [str(corpus / row["file"]) for row in csv.DictReader(file)]
    clips, table = str(runs / "clips"), ("--manifest", str(manifest), "--seed", str(seed))
    length = () if steps is None else ("--steps", str(steps))
    # Videos without a face are reported and left out; training continues with the others.
    run("kp_io", "annotate", *videos, "-o", clips, "--wav", "--workers", str(workers), may_fail=True)
    run("a2k_train", "crossval", clips, "--run", str(runs / "crossval"), *table, *length)
    run("a2k_train", "fit", clips, "--run", str(runs / "final"), "--splits", "train,val", *table, *length)
    final = ("--model", str(runs / "final"), "--out", str(runs / "hard"))
    run("a2k_train", "evaluate", clips, "--splits", "hard", *final, *table)
    typer.echo(f"checkpoint: {runs / 'final' / 'model.safetensors'}\ntable: {runs / 'crossval' / 'table.md'}")


def run(package: str, *arguments: str, may_fail: bool = False) -> None:
    """Print and run a command of one of the packages."""
    typer.secho(f"$ {package.replace('_', '-')} {arguments[0]} …", fg=typer.colors.CYAN)
    done = subprocess.run([sys.executable, "-m", package, *arguments], check=False)
    if done.returncode and not may_fail:
        raise typer.Exit(done.returncode)


if __name__ == "__main__":
    typer.run(main)
