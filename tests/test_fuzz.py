"""Some hundred damaged files into the readers: a short run of `benchmarks/fuzz`, the same inputs every time."""

import random

import pytest

#: What a run of a few seconds leaves out: whole trainings and processes are for the long run.
READERS = 10
COMMANDS = ("kp-io info", "kp-io convert .csv", "kp-metrics compare", "a2k stream, stdin")


@pytest.fixture
def fuzz(root, monkeypatch, as_users_run_it):
    pytest.importorskip("skimage", reason="the good files have a face of scikit-image's")
    pytest.importorskip("pyarrow", reason="needs the extra kp-io[build]")
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.syspath_prepend(str(root / "benchmarks" / "fuzz"))
    import trial

    return trial


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    return tmp_path_factory.mktemp("seeds")


def test_nothing_crashes_or_leaves_half_a_file(fuzz, seeds, tmp_path):
    from seed_files import make_seed_files

    make_seed_files(seeds, models=False)
    names = [t.name for t in fuzz.TARGETS if not any(p.split("/")[0] in ("run", "paper", "crossval") for p in t.seeds)]
    names = [name for name in names if name in COMMANDS or not name.startswith(("kp-io", "kp-metrics", "a2k ", "a2k-"))]
    assert len(names) > 12
    outcomes = {}
    for name in names:
        for index in range(READERS if name not in COMMANDS else 10):
            trial = fuzz.run_trial(0, index, seeds, tmp_path / "work", only=name, processes=False)
            assert trial.outcome != fuzz.FAULT, trial
            outcomes.setdefault(trial.outcome, []).append(trial)
    assert len(outcomes["refused"]) > 100
    assert len(outcomes["read"]) > 20


def test_a_reader_that_fails_is_a_fault(fuzz, seeds, tmp_path, monkeypatch):
    from targets import Target

    def crash(case):
        return {}[case.bad.name]

    def refuse(case):
        raise ValueError("list index out of range")

    def change(case):
        case.bad.write_bytes(b"changed")

    def leave(case):
        (case.out / ".half.npz").write_bytes(b"half")

    (seeds / "a.txt").write_text("what is damaged")
    for call, kind in ((crash, "KeyError"), (refuse, "ValueError"), (change, "changed input"), (leave, "leftover")):
        monkeypatch.setattr(fuzz, "TARGETS", (Target("it", ("a.txt",), call),))
        found = fuzz.run_trial(0, 0, seeds, tmp_path / "work")
        assert (found.outcome, found.kind) == (fuzz.FAULT, kind)


def test_a_number_is_always_the_same_input(fuzz, seeds):
    (seeds / "a.txt").write_text("one, two, three")
    files = sorted(seeds.glob("*.txt"))
    from mutations import MUTATIONS

    for name, mutation in MUTATIONS.items():
        damaged = [
            mutation(b"one, two, three" * 30, random.Random(4), [f.read_bytes() for f in files]) for _ in range(2)
        ]
        assert damaged[0] == damaged[1], name
        assert damaged[0] != b"one, two, three" * 30, name


@pytest.mark.parametrize(("body", "said"), [("os.kill(os.getpid(), 11)", "crash"), ("time.sleep(60)", "hang")])
def test_a_worker_that_dies_or_hangs_is_told_and_the_run_goes_on(fuzz, tmp_path, monkeypatch, body, said):
    import fuzz as run

    (tmp_path / "worker.py").write_text(
        f"import os, sys, time\nprint('ready', flush=True)\nfor line in sys.stdin:\n    {body}\n"
    )
    monkeypatch.setattr(run, "HERE", tmp_path)
    worker = run.Worker(0, tmp_path, tmp_path / "work", "")
    assert worker.ask(1, 1.0).startswith(said)
    assert worker.ask(2, 1.0).startswith(said)
    worker.stop()
