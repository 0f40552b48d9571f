"""Fixtures of all benchmarks: a device, one thread, timing that waits for the device, and run metadata."""

from typing import Any

import pytest
import torch
from common.device_clock import seconds_of, waiting
from common.run_metadata import commit, describe_run

_MIN_ROUNDS, _MAX_ROUNDS = 5, 100
_SECONDS_A_ROW = 1.0
_RUN = pytest.StashKey[dict[str, Any]]()


def pytest_addoption(parser):
    group = parser.getgroup("the toolkit's benchmarks")
    group.addoption("--device", default="cpu", help="where to compute: cpu, cuda, cuda:1, mps")
    group.addoption("--quick", action="store_true", help="a single round of each, as a smoke test")
    group.addoption("--slow", action="store_true", help="include benchmarks that take minutes on this device")


def pytest_configure(config):
    name = config.getoption("--device")
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built for a device
        reason = str(error).splitlines()[0]
        raise pytest.UsageError(f"expected a --device that torch finds here, e.g. cpu, got {name}: {reason}") from None
    # With more threads, other load on the machine would be measured; rows that use more say so.
    torch.set_num_threads(1)
    config.stash[_RUN] = describe_run(torch.device(name))  # now, before our own load


@pytest.fixture(scope="session")
def device(request) -> torch.device:
    """Return the device of --device."""
    return torch.device(request.config.getoption("--device"))


@pytest.fixture
def cpu_only(device) -> None:
    """Skip a benchmark that runs on the CPU only, on other devices."""
    if device.type != "cpu":
        pytest.skip(f"runs on the CPU only: nothing to measure on {device}")


@pytest.fixture
def slow_on_cpu(request, device) -> None:
    """Skip a benchmark that takes minutes on a CPU, unless --slow is given."""
    if device.type == "cpu" and not request.config.getoption("--slow"):
        pytest.skip("takes minutes on a CPU: --slow runs it")


@pytest.fixture
def measure(request, benchmark, device):
    """Return a function that times another one and records the metadata for the table.

    After one warm-up call, it runs for about one second, at least 5 rounds; or `rounds` rounds.

    Its arguments: the function to time; `row`, its name in the table; `against`, the row of the group to compare with
    (None for that row); `amount` and `unit` of work per call; `rounds`; `setup` of a round, which needs `rounds` and
    skips the warm-up, for work that begins with processes or files anyway.
    """

    def timed(function, *, row: str, against: str | None, amount: float, unit: str, rounds=None, setup=None) -> Any:
        if setup is None:
            warm_up = seconds_of(function, device)
        if request.config.getoption("--quick"):
            rounds = 1
        if rounds is None:
            # The first call may be several times slower than the others.
            again = min(warm_up, seconds_of(function, device))
            rounds = round(min(_MAX_ROUNDS, max(_MIN_ROUNDS, _SECONDS_A_ROW / again)))
        benchmark.extra_info.update(row=row, against=against, amount=amount, unit=unit, device=str(device))
        return benchmark.pedantic(waiting(function, device), setup=setup, rounds=rounds)

    return timed


@pytest.hookimpl(tryfirst=True)
def pytest_benchmark_generate_machine_info(config) -> dict[str, Any]:
    return config.stash[_RUN]


@pytest.hookimpl(tryfirst=True)
def pytest_benchmark_generate_commit_info(config) -> dict[str, Any]:
    return {"id": commit()}


def pytest_benchmark_update_json(config, benchmarks, output_json) -> None:
    """Remove the times of single rounds, since the file is kept in the repository."""
    for result in output_json["benchmarks"]:
        result["stats"].pop("data", None)
