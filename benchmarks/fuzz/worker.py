"""A process that tries inputs until one of them ends it: python worker.py SEED SEEDS WORK [ONLY]."""

import faulthandler
import json
import os
import resource
import sys
from pathlib import Path

__all__: list[str] = []

_MEMORY = 6 << 30
_FILE = 1 << 30


def main(seed: int, seeds: Path, work: Path, only: str) -> None:
    """Read numbers of inputs, a line each; write what became of each, a line of JSON."""
    # What libraries write to stdout must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    log = os.open(f"{work}.log", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    faulthandler.enable(open(f"{work}.crash", "w"))  # noqa: SIM115, PTH123 - open to the end
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE, _FILE))
    import torch
    from trial import as_dict, run_trial

    torch.set_num_threads(1)
    answers.write("ready\n")
    for line in sys.stdin:
        answers.write(json.dumps(as_dict(run_trial(seed, int(line), seeds, work, only=only))) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else "")
