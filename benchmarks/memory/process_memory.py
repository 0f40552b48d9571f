"""Current and peak memory of processes."""

import contextlib
import re
import resource
import sys
from pathlib import Path

__all__ = ["peak_mb", "resident_mb", "start_peak", "tree_mb"]

_PROC = Path("/proc")


def resident_mb() -> float:
    """Return the resident memory of this process, MB; outside Linux its peak so far."""
    return _field(_PROC / "self", "VmRSS") or _rusage()


def peak_mb() -> float:
    """Return the peak memory of this process since `start_peak`, MB.

    Linux counts `VmHWM` for this program alone; `ru_maxrss`, which other systems have, begins with the parent's.
    """
    return _field(_PROC / "self", "VmHWM") or _rusage()


def start_peak() -> None:
    """Reset the peak, where the system supports it."""
    with contextlib.suppress(OSError):
        (_PROC / "self" / "clear_refs").write_text("5", encoding="ascii")


def tree_mb(pid: int) -> float:
    """Return the resident memory of a process and its descendants, MB; 0 if it has ended, or outside Linux."""
    children: list[str] = []
    for task in (_PROC / str(pid) / "task").glob("*/children"):
        with contextlib.suppress(OSError):
            children += task.read_text(encoding="ascii").split()
    return _field(_PROC / str(pid), "VmRSS") + sum(tree_mb(int(child)) for child in children)


def _field(process: Path, name: str) -> float:
    try:
        status = (process / "status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    found = re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def _rusage() -> float:
    # Bytes on macOS, kilobytes elsewhere.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
