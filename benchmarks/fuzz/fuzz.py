"""Damaged files into every reader and command, for some minutes: nothing may crash, hang, or leave half a file.

python benchmarks/fuzz/fuzz.py --minutes 30 --workers 2 --seed 1 --out OUT

Each input has a number; with the seed it says which file is damaged how, so that `--first N --inputs 1` tries it again.
What comes out: `trials.jsonl`, a line each, `summary.md`, and in `faults/` the damaged files that did harm.
"""

import json
import selectors
import subprocess
import sys
import time
from pathlib import Path
from threading import Lock, Thread
from typing import IO, Annotated, Any

import typer
from seed_files import make_seed_files
from tally import summary
from trial import FAULT, TARGETS, Trial, as_dict, draw

HERE = Path(__file__).parent
#: Loading torch and the packages, on a busy machine.
_START_SECONDS = 120.0


class Worker:
    """A process that tries inputs, and is started again when one of them ended it."""

    def __init__(self, seed: int, seeds: Path, work: Path, only: str) -> None:
        self._command = [sys.executable, str(HERE / "worker.py"), str(seed), str(seeds), str(work), only]
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, index: int, seconds: float) -> dict[str, Any] | str:
        """Return the trial, or in words why there is none."""
        if self._process is None:
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, cwd=HERE)
            self._line(_START_SECONDS)
        self._stdin.write(f"{index}\n".encode())
        self._stdin.flush()
        line = self._line(seconds)
        if line is None:
            self.stop()
            return f"hang: more than {seconds:g} s"
        if not line:
            code = self._process.wait()
            self.stop()
            return f"crash: the process ended with {code}"
        return json.loads(line)

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process is not None
        assert self._process.stdin is not None
        return self._process.stdin

    def _line(self, seconds: float) -> bytes | None:
        assert self._process is not None
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as ready:
            ready.register(self._process.stdout, selectors.EVENT_READ)
            return self._process.stdout.readline() if ready.select(seconds) else None


class Numbers:
    """Numbers of inputs, each given once to one of several threads, until the time or the inputs are over."""

    def __init__(self, first: int, inputs: int, minutes: float) -> None:
        self._next, self._end = first, first + inputs if inputs else None
        self._until = time.monotonic() + 60 * minutes
        self._lock = Lock()

    def take(self) -> int | None:
        """Return the next number, or None where there is no more."""
        with self._lock:
            if time.monotonic() > self._until or self._next == self._end:
                return None
            self._next += 1
            return self._next - 1


def fuzz(
    seeds: Path, out: Path, *, seed: int, numbers: Numbers, workers: int, only: str = "", show: bool = True
) -> list[Trial]:
    """Try inputs until there are no more numbers; return what became of each."""
    trials: list[Trial] = []
    (out / "faults").mkdir(parents=True, exist_ok=True)
    lock, limits = Lock(), {target.name: target.seconds for target in TARGETS}
    with (out / "trials.jsonl").open("a", encoding="utf-8") as log:

        def work(number: int) -> None:
            worker = Worker(seed, seeds, out / f"work{number}", only)
            while (index := numbers.take()) is not None:
                target, file, mutation, data, _ = draw(seed, index, seeds, only=only)
                answer = worker.ask(index, limits[target.name])
                if isinstance(answer, str):
                    kind, _, message = answer.partition(": ")
                    trial = Trial(index, target.name, file.name, mutation, FAULT, kind, message)
                else:
                    trial = Trial(**answer)
                with lock:
                    trials.append(trial)
                    log.write(json.dumps(as_dict(trial)) + "\n")
                    log.flush()
                    if trial.outcome == FAULT:
                        (out / "faults" / f"{index}-{file.name}").write_bytes(data)
                        if show:
                            typer.echo(
                                f"{index} {trial.target} {trial.mutation} {trial.kind}: {trial.message}", err=True
                            )
            worker.stop()

        threads = [Thread(target=work, args=(number,)) for number in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return trials


def main(
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    minutes: Annotated[float, typer.Option(help="How long.")] = 5.0,
    seed: Annotated[int, typer.Option(help="Another seed, other inputs.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    first: Annotated[int, typer.Option(min=0, help="Number of the first input.")] = 0,
    inputs: Annotated[int, typer.Option(min=0, help="How many inputs; 0 for as many as there is time for.")] = 0,
    only: Annotated[str, typer.Option(help="Only targets whose name has this in it.")] = "",
) -> None:
    """Fuzz every reader and command; exit 1 where anything did harm."""
    started = time.monotonic()
    out = out.resolve()
    seeds = out / "seeds"
    make_seed_files(seeds)
    trials = fuzz(seeds, out, seed=seed, numbers=Numbers(first, inputs, minutes), workers=workers, only=only)
    text = summary(trials, minutes=(time.monotonic() - started) / 60, workers=workers, seed=seed)
    (out / "summary.md").write_text(text, encoding="utf-8")
    typer.echo(text)
    if any(trial.outcome == FAULT for trial in trials):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
