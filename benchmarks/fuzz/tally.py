"""What came out of a run, as a table."""

from collections import Counter
from collections.abc import Sequence

from trial import FAULT, READ, REFUSED, TARGETS, Trial

__all__ = ["summary"]


def summary(trials: Sequence[Trial], *, minutes: float, workers: int, seed: int) -> str:
    """Return a Markdown table with a row for each target, and the faults by kind."""
    counts = Counter((trial.target, trial.outcome) for trial in trials)
    rows = [
        (target.name, *(counts[target.name, outcome] for outcome in (READ, REFUSED, FAULT)))
        for target in TARGETS
        if any(counts[target.name, outcome] for outcome in (READ, REFUSED, FAULT))
    ]
    total = ("all", *(sum(row[i] for row in rows) for i in (1, 2, 3)))
    lines = ["| reader or command | inputs | read | refused | faults |", "|---|---|---|---|---|"]
    lines += [f"| {name} | {sum(n)} | {n[0]} | {n[1]} | {n[2]} |" for name, *n in (*rows, total)]
    processes = sum(trial.as_process for trial in trials)
    lines += [
        "",
        f"{minutes:.1f} min with {workers} processes, seed {seed}; {processes} commands as processes of their own.",
    ]
    faults = Counter((t.target, t.kind, t.message[:100]) for t in trials if t.outcome == FAULT)
    lines += [f"- {count} × {target}: {kind}: {message}" for (target, kind, message), count in faults.most_common()]
    return "\n".join(lines) + "\n"
