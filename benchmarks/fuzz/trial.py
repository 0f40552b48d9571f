"""One input: drawn by its number, damaged, given to its target, and judged."""

import hashlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

from commands import COMMANDS
from inside import INSIDE
from mutations import MUTATIONS
from readers import READERS
from targets import Case, Target

__all__ = ["FAULT", "TARGETS", "Trial", "draw", "run_trial"]

TARGETS = (*READERS, *COMMANDS)
READ, REFUSED, FAULT = "read", "refused", "FAULT"
#: A refusal says what was expected, or what cannot be; another text is a library's own.
_CLEAR = re.compile(r"expected|cannot|unknown|no valid|refused|stopped|found no|not |needs|too long|no space")
#: One of so many commands is run as a process of its own, as a shell does.
_PROCESSES = 30


@dataclass
class Trial:
    """What became of one input."""

    index: int
    target: str
    file: str
    mutation: str
    outcome: str
    kind: str = ""
    message: str = ""
    seconds: float = 0.0
    as_process: bool = False


def draw(seed: int, index: int, seeds: Path, *, only: str = "") -> tuple[Target, Path, str, bytes, random.Random]:
    """Return target, good file, name of the damage, damaged bytes and the chance that goes on."""
    chance = random.Random(f"{seed} {index}")
    targets = [target for target in TARGETS if only in target.name]
    target = chance.choices(targets, [target.weight for target in targets])[0]
    files = sorted({file for pattern in target.seeds for file in seeds.glob(pattern)})
    file = chance.choice(files)
    others = [chance.choice(files).read_bytes(), chance.choice(sorted(seeds.glob("*.*"))).read_bytes()]
    data, names = file.read_bytes(), []
    if file.suffix in INSIDE and chance.random() < 0.55:
        names.append("inside")
        data = INSIDE[file.suffix](data, chance, others)
    else:
        for _ in range(chance.choice((1, 1, 1, 2))):
            names.append(chance.choice(list(MUTATIONS)))
            data = MUTATIONS[names[-1]](data, chance, others) if data else data
    return target, file, "+".join(names), data[: 4 << 20], chance


def run_trial(seed: int, index: int, seeds: Path, work: Path, *, only: str = "", processes: bool = True) -> Trial:
    """Give one damaged file to its target, in a folder that is made for it, and judge what comes."""
    target, file, mutation, data, chance = draw(seed, index, seeds, only=only)
    shutil.rmtree(work, ignore_errors=True)
    for name in ("in", "out", "tmp"):
        (work / name).mkdir(parents=True)
    tempfile.tempdir = str(work / "tmp")
    name = file.name
    if chance.random() < 0.05:
        mutation += "+suffix"
        name = file.stem + chance.choice([s.suffix for s in sorted(seeds.glob("*.*"))])
    case = Case(work / "in" / name, seeds, work / "in", work / "out")
    case.bad.write_bytes(data)
    as_process = processes and bool(target.program) and chance.randrange(_PROCESSES) == 0
    trial = Trial(index, target.name, file.name, mutation, READ, as_process=as_process)
    started = time.monotonic()
    try:
        arguments = target.call(case)
        if target.program:
            before = _content(case.inputs)
            stdin = data if target.stdin == "BAD" else (seeds / target.stdin).read_bytes() if target.stdin else b""
            _command(target, [str(a) for a in arguments], stdin, trial)
        else:
            before = None
    except (ValueError, OSError) as error:
        trial.outcome, trial.kind, trial.message = REFUSED, type(error).__name__, str(error)
        if not _CLEAR.search(str(error)) or type(error).__name__ in ("UnicodeDecodeError", "JSONDecodeError"):
            trial.outcome = FAULT
        before = None
    except Exception as error:
        trial.outcome, trial.kind, trial.message = FAULT, type(error).__name__, _place(error)
        before = None
    trial.seconds = round(time.monotonic() - started, 3)
    if trial.outcome != FAULT:
        _judge_files(case, target, data, before, trial)
    trial.message = " ".join(trial.message.split())[:400].replace(str(work), "…").replace(str(seeds), "…")
    return trial


def as_dict(trial: Trial) -> dict[str, object]:
    """Return a trial for JSON."""
    return asdict(trial)


def _command(target: Target, arguments: list[str], stdin: bytes, trial: Trial) -> None:
    if trial.as_process:
        command = [sys.executable, "-m", target.program, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, check=False)
        out, err = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
        code, error = done.returncode, None
    else:
        from typer.testing import CliRunner

        app = import_module(f"{target.program}.cli").app
        result = CliRunner().invoke(app, arguments, input=stdin)
        code, out, err = result.exit_code, result.stdout, result.stderr
        error = None if isinstance(result.exception, SystemExit) else result.exception
    if error is not None:
        trial.outcome, trial.kind, trial.message = FAULT, type(error).__name__, _place(error)
    elif code:
        trial.outcome, trial.kind, trial.message = REFUSED, f"exit {code}", err
        lines = [line for line in err.splitlines() if line.lower().startswith("error:")]
        if code not in (1, 2) or "Traceback" in err + out or (code == 1 and len(lines) != 1):
            trial.outcome = FAULT
        elif code == 1 and not _CLEAR.search(lines[0]):
            trial.outcome, trial.kind = FAULT, "vague"


def _judge_files(case: Case, target: Target, data: bytes, before: dict[str, str] | None, trial: Trial) -> None:
    """Look for what may not be there: temporary files, files of a refused command, changed inputs."""
    written = [path for path in case.out.rglob("*") if path.is_file()]
    leftover = [
        path.name
        for path in written
        if path.name.startswith(".") and path.name != ".lock" and ".build" not in path.parts
    ]
    if not target.works_in_inputs:
        left = [path.name for path in (case.inputs.parent / "tmp").iterdir() if "torchinductor" not in path.name]
        if left or leftover:
            trial.outcome, trial.kind, trial.message = FAULT, "leftover", str([*left, *leftover])
        if before is not None and _content(case.inputs) != before:
            trial.outcome, trial.kind, trial.message = FAULT, "changed input", ""
    if case.bad.read_bytes() != data:
        trial.outcome, trial.kind, trial.message = FAULT, "changed input", case.bad.name
    single = (
        target.program
        and "OUT/corpus" not in trial.message
        and not any(p in trial.target for p in ("fit", "crossval", "ablate", "build", "publish"))
    )
    if trial.outcome == REFUSED and single and written:
        trial.outcome, trial.kind, trial.message = FAULT, "half-written", str([path.name for path in written])


def _content(folder: Path) -> dict[str, str]:
    return {str(p): hashlib.md5(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


def _place(error: BaseException) -> str:
    """Return the innermost place in a package of ours, and the text."""
    places, trace = [], error.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file.parts and "src" in file.parts and "packages" in file.parts:
            places.append(f"{file.name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return f"{' > '.join(places[-3:])}: {error}"
