"""How benchmarks measure processes: memory, and the time of commands; the values themselves are never tested."""

import subprocess
import sys

import pytest


@pytest.fixture(autouse=True)
def _scripts(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "benchmarks"))


MEASURED = """
from memory.process_memory import peak_mb, resident_mb, start_peak, tree_mb

start_peak()
before = resident_mb()
filled = bytearray(b"x") * (64 * 2**20)
held = resident_mb() - before
del filled
print(held, peak_mb() - before, tree_mb(-1))
"""


def test_memory_is_that_of_the_job(root):
    # In a small process of its own: from one as large as the tests' the system may take idle pages meanwhile.
    done = subprocess.run(
        [sys.executable, "-c", MEASURED], cwd=root / "benchmarks", capture_output=True, text=True, check=True
    )
    held, peak, nobody = map(float, done.stdout.split())
    assert 60 < held < 100
    assert 60 < peak < 100
    assert nobody == 0


def test_a_job_tells_its_peak(tmp_path):
    from peak_memory import measure_job

    job = measure_job("nothing but Python and torch", device="cpu", folder=tmp_path)
    assert 20 < job["start_mb"] <= job["peak_mb"] < 5_000
    with pytest.raises(RuntimeError, match="KeyError"):
        measure_job("no such job", device="cpu", folder=tmp_path)


def test_commands_are_timed_to_their_end_or_first_line(tmp_path):
    from cold_start import Command, time_command
    from common.result_tables import cold_start_table

    (tmp_path / "given").write_text("given\n")
    program = "import sys; print(sys.stdin.read(), flush=True)"
    first = Command("first", ("-c", program), until="first line", stdin=tmp_path / "given")
    assert len(time_command(first, rounds=2)) == 2
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        time_command(Command("wrong", ("-c", "1 / 0")), rounds=1)
    entry = {"until": "exit", "median": 1.0, "best": 0.9, "worst": 1.1}
    table = cold_start_table({"commands": [{"name": n, "bar": bar, **entry} for n, bar in (("a", 0.6), ("b", 6.0))]})
    assert table.splitlines()[-2:] == [
        "| `a` | exit | 1 s | 900 ms – 1.1 s | **above** 0.6 s |",
        "| `b` | exit | 1 s | 900 ms – 1.1 s | within 6 s |",
    ]


def test_every_command_line_is_timed(root, tmp_path, monkeypatch):
    import cold_start

    monkeypatch.setattr(cold_start, "_faces", lambda folder: (folder / "face.png", folder / "face.npz"))
    names = [command.name for command in cold_start.commands(tmp_path)]
    for wanted in (
        "kp-io --help",
        "kp-metrics --help",
        "a2k --help",
        "a2k-train fit --help",
        "a2k stream --image face.npz",
    ):
        assert wanted in names
