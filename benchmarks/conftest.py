"""What every benchmark has: a device, one thread, timing that waits for the device, and the run's metadata."""

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
    group.addoption("--quick", action="store_true", help="a single round of each, to see that it works")
    group.addoption("--slow", action="store_true", help="also what takes minutes on this device")


def pytest_configure(config):
    name = config.getoption("--device")
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built for a device
        reason = str(error).splitlines()[0]
        raise pytest.UsageError(f"expected a --device that torch finds here, e.g. cpu, got {name}: {reason}") from None
    # More threads than one would measure who else is at work; a row that uses more says so.
    torch.set_num_threads(1)
    config.stash[_RUN] = describe_run(torch.device(name))  # now, while the load is not yet our own


@pytest.fixture(scope="session")
def device(request) -> torch.device:
    """Where to compute."""
    return torch.device(request.config.getoption("--device"))


@pytest.fixture
def cpu_only(device) -> None:
    """Skip what no other device could do."""
    if device.type != "cpu":
        pytest.skip(f"works on the CPU whatever the device: nothing to measure on {device}")


@pytest.fixture
def slow_on_cpu(request, device) -> None:
    """Skip what takes minutes on a CPU, unless asked for."""
    if device.type == "cpu" and not request.config.getoption("--slow"):
        pytest.skip("takes minutes on a CPU: --slow runs it")


@pytest.fixture
def measure(request, benchmark, device):
    """Return a function that times another one, and notes what the table needs.

    It is called once to warm up, then in so many rounds that they take about a second, at least 5; or in `rounds`.

    Args of the function: what to time; `row`, its name in the table; `against`, the row of the group that it is
    compared with (None where it is that row); `amount` and `unit` of what a call does; `rounds`; `setup` of a round,
    which needs `rounds` and leaves the warm-up out, for work that begins with processes or files anyway.
    """

    def timed(function, *, row: str, against: str | None, amount: float, unit: str, rounds=None, setup=None) -> Any:
        if setup is None:
            warm_up = seconds_of(function, device)
        if request.config.getoption("--quick"):
            rounds = 1
        if rounds is None:
            # The first call may cost several times what the others do.
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
    """Keep medians and quartiles, and leave every single round out: the file is kept in the repository."""
    for result in output_json["benchmarks"]:
        result["stats"].pop("data", None)
