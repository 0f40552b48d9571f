"""Every shape and type that the packages' signatures promise is checked while the tests run."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest
import torch
from hypothesis import HealthCheck, settings

PACKAGES = ("kp_io", "kp_metrics", "a2k_nets", "a2k_train", "kp_render")

early = [name for name in PACKAGES if name in sys.modules]
if early:
    raise RuntimeError(f"expected to see the packages first, but {', '.join(early)} came before the type checks")
# An int is welcome where a signature says float, as it is to every type checker.
jaxtyping.install_import_hook(PACKAGES, "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

# Several threads may add up in another order; one thread is also faster for networks as small as the tests'.
torch.set_num_threads(1)

# A shell that puts a job in the background makes it deaf to Ctrl-C, and all that it starts: some tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no failure, and the same commit is tested on the same examples everywhere.
settings.register_profile("repository", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repository")


@pytest.fixture(autouse=True)
def _names_of_doctests(doctest_namespace: dict[str, object]) -> None:
    """Let examples say `torch` as the text around them does."""
    doctest_namespace["torch"] = torch


@pytest.fixture
def as_users_run_it() -> Iterator[None]:
    """Switch the type checks off, for tests of what the packages say themselves of shapes that do not fit."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of one page; it is unmounted whatever becomes of it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # a kept traceback may keep a file open
