"""Log of a run: `log.jsonl`, and TensorBoard files if TensorBoard is installed."""

import json
import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kp_io.filesystem import atomic_path

logger = logging.getLogger(__name__)


class RunLog:
    """Appends lines of numbers; lines after the step of resumption, `start`, are dropped first.

    Without a run folder, nothing is logged.
    """

    def __init__(self, run: Path | None, *, start: int) -> None:
        self._file = None if run is None else run / "log.jsonl"
        self._writer: Any = None
        if self._file is None or run is None:
            return
        if self._file.is_file():
            # A damaged log must not stop the training: lines that are not JSON are dropped.
            lines = self._file.read_text(encoding="utf-8", errors="replace").splitlines()
            kept = [line for line in lines if _step_of(line) <= start]
            with atomic_path(self._file) as file:
                file.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        if find_spec("tensorboard") is None:
            logger.info(
                'no TensorBoard files: `pip install "tensorboard>=2.14"` (the extra a2k-train[tensorboard]) adds them'
            )
            return
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(run / "tensorboard"), purge_step=start + 1)

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, *error: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def write(self, step: int, numbers: dict[str, float]) -> None:
        """Append one line."""
        if self._file is None or not numbers:
            return
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **numbers}) + "\n")
        if self._writer is not None:
            for name, value in numbers.items():
                self._writer.add_scalar(name, value, step)


def _step_of(line: str) -> int:
    """Return the step of a line; a damaged line, such as one cut short by a crash, is after all steps."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return 2**63
