"""Metadata of a run: the machine, without its name, and the versions."""

import datetime
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

__all__ = ["commit", "cores", "describe_run"]

_ROOT = Path(__file__).parents[2]
_OURS = ("kp-io", "kp-metrics", "a2k-nets", "a2k-train", "kp-render")
_OTHERS = ("torch", "numpy", "scipy", "nnAudio", "av", "dlib-bin", "opencv-python-headless", "onnxruntime")
_ALTERNATIVES = ("kornia", "matplotlib", "librosa", "face-alignment", "pyarrow")


def describe_run(device: torch.device) -> dict[str, Any]:
    """Return the machine, the versions and the commit for JSON, without names of host, user or folders."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "cpu": _cpu(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "memory_gb": _memory_gb(),
        # Load average of one minute; above the benchmark's own 1, other processes were running.
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "device": str(device),
        # The suffix of a release names the builder.
        "os": f"{platform.system()} {platform.release().partition('-')[0]}, {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": {name: found for name in (*_OURS, *_OTHERS, *_ALTERNATIVES) if (found := _version(name))},
    }


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def commit() -> str | None:
    """Return the checked-out commit, with a + if the tree has changes; None outside a checkout."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        # Files that a run writes itself do not count as changes.
        changed = _git("status", "--porcelain", "--", "packages", "benchmarks/*.py", "constraints.txt")
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("+" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None
