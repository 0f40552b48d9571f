"""What the benchmarks make of their measurements; how long anything takes is never tested."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import torch
from typer.testing import CliRunner


@pytest.fixture(autouse=True)
def _scripts(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "benchmarks"))


def result(row, against, median, *, amount=10, **note):
    stats = {"median": median, "iqr": median / 10, "rounds": 7}
    note = {"row": row, "against": against, "amount": amount, "unit": "frames", "device": "cpu", **note}
    return {"group": "draw", "stats": stats, "extra_info": note}


def test_the_table_has_the_ratio_of_rates_to_the_named_alternative():
    from common.result_tables import bench_table

    rows = [result("ours", "loop", 0.05), result("half of it", "loop", 0.05, amount=5), result("loop", None, 0.2)]
    table = bench_table({"benchmarks": rows}).splitlines()
    assert table[0] == "**draw**, against loop"
    assert table[4:] == [
        "| loop | 200 ms | 20 ms | 7 | 50 | 1 |",
        "| half of it | 50 ms | 5 ms | 7 | 100 | **2** |",
        "| ours | 50 ms | 5 ms | 7 | 200 | **4** |",
    ]


def test_a_missing_alternative_leaves_no_ratio_and_a_given_one_is_taken():
    from common.result_tables import bench_table

    table = bench_table({"benchmarks": [result("ours", "not installed", 1.0), result("x", "library", 2.0, ratio=2.5)]})
    assert "| ours | 1 s | 100 ms | 7 | 10 | – |" in table
    assert "| **2.5** |" in table


def test_real_time_is_what_seconds_of_speech_are_told_in():
    from common.result_tables import bench_table

    table = bench_table({"benchmarks": [result("ours", None, 0.1, unit="s of speech")]})
    assert "× real time" in table
    assert "| 100 | 1 |" in table


def test_only_what_stands_between_markers_is_replaced():
    from common.marked_blocks import fill_blocks

    page = "# Title\n<!-- a:begin -->\nold\n<!-- a:end -->\ntext\n<!-- b:begin --><!-- b:end -->\n"
    filled = fill_blocks(page, {"a": "| new |", "elsewhere": "x"})
    assert filled == page.replace("old", "| new |")
    assert fill_blocks(filled, {"a": "| new |"}) == filled


@pytest.mark.parametrize(
    "page", ["<!-- a:begin -->", "<!-- a:end --><!-- a:begin -->", "<!-- a:begin --><!-- a:end -->" * 2]
)
def test_markers_that_do_not_match_are_refused(page):
    from common.marked_blocks import fill_blocks

    with pytest.raises(ValueError, match="expected one <!-- a:begin -->"):
        fill_blocks(page, {"a": ""})


def test_slope_and_line_of_costs_that_are_known():
    from scaling.fit import fit_line, fit_slope

    sizes = [1.0, 10.0, 100.0, 1000.0]
    line = fit_line(sizes, [2 + 0.5 * size for size in sizes])
    assert (line.fixed, line.per_unit) == pytest.approx((2, 0.5))
    for power in (0.5, 1, 2):
        slope = fit_slope(sizes, [3 * size**power for size in sizes])
        assert (slope.slope, slope.error) == pytest.approx((power, 0), abs=1e-3)
    # The order of the sizes is of no matter, and small ones have no part in it.
    assert fit_slope([100, 1, 10], [100, 99, 10], largest=2).slope == 1


def test_costs_that_fall_or_rise_steeply_are_never_below_nothing():
    from scaling.fit import fit_line

    assert fit_line([1, 2, 4], [1, 4, 16]).fixed == 0
    assert fit_line([1, 2, 4], [16, 4, 1]).per_unit == 0


@pytest.mark.parametrize(("sizes", "seconds"), [([1], [1]), ([1, 1], [1, 2]), ([1, 2], [0, 1]), ([1, 2, 3], [1, 2])])
def test_too_little_to_fit_is_refused(sizes, seconds):
    from scaling.fit import fit_slope

    with pytest.raises(ValueError, match="expected at least two sizes"):
        fit_slope(sizes, seconds)


def test_a_curve_is_measured_and_drawn(tmp_path):
    pytest.importorskip("matplotlib", reason="plots need matplotlib")
    from common.result_tables import growth_table
    from growth import draw, measure_curve
    from scaling.curves import Curve, pck_curves

    known = Curve("known", "made up", "units", 10, [1, 2, 4, 8], lambda size: 0.25 + size)
    measured = measure_curve(known)
    assert [point["seconds"] for point in measured["points"]] == [1.25, 2.25, 4.25, 8.25]
    assert measured["line"]["fixed"] == pytest.approx(0.25)
    real = [measure_curve(curve) for curve in pck_curves([100, 300], torch.device("cpu"))]
    assert [curve["is_alternative"] for curve in real] == [False, True]
    draw(tmp_path / "growth.png", [measured, *real])
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")
    table = growth_table(json.loads(json.dumps({"curves": [measured, *real]})))
    assert "| known | 1 – 8 units | 1.25 s – 8.25 s |" in table


def test_a_run_is_described_without_naming_the_machine():
    import platform

    from common.result_tables import machine_table
    from common.run_metadata import describe_run

    run = json.loads(json.dumps(describe_run(torch.device("cpu"))))
    assert run["versions"]["torch"] == torch.__version__
    assert {"kp-io", "kp-metrics", "a2k-nets", "a2k-train", "numpy"} <= run["versions"].keys()
    assert run["threads"] == torch.get_num_threads()
    assert run["cores"] >= 1
    assert run["gpu"] is None
    assert platform.node() not in machine_table(run).split()


def test_a_device_is_waited_for_before_and_after(monkeypatch):
    from common.device_clock import seconds_of, waiting

    done = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: done.append(f"wait for {device}"))
    assert seconds_of(lambda: done.append("work"), torch.device("cuda:1")) > 0
    assert done == ["wait for cuda:1", "work", "wait for cuda:1"]
    assert waiting(lambda: 7, torch.device("cpu"))() == 7
    assert len(done) == 3


def test_the_whole_run_writes_what_the_report_reads(tmp_path):
    import report
    import run_all

    commands = run_all.parts(tmp_path, tmp_path / "growth.png", device="cpu", quick=False)
    words = " ".join(word for arguments in commands.values() for word in arguments)
    for name in report.TABLES:
        assert str(tmp_path / f"{name}.json") in words
    for arguments in commands.values():
        assert arguments[0] == "-m" or (run_all.HERE / arguments[0]).is_file()


@pytest.mark.parametrize(("code", "written"), [(0, ["results"]), (3, [])])
def test_pages_are_written_when_every_part_has_worked(tmp_path, monkeypatch, code, written):
    import run_all

    pages = []
    works = {"speed": ["-c", "pass"], "growth": ["-c", f"raise SystemExit({code})"]}
    monkeypatch.setattr(run_all, "parts", lambda *folders, **options: works)
    monkeypatch.setattr(run_all, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(run_all, "write_pages", lambda folder: pages.append(folder.name))
    done = CliRunner().invoke(_app(run_all.main), [])
    assert done.exit_code == (1 if code else 0)
    assert pages == written


def test_the_report_fills_every_page_from_the_results(root, tmp_path):
    import report
    from common.run_metadata import describe_run

    run = describe_run(torch.device("cpu"))
    with pytest.raises(FileNotFoundError, match="nox -s bench"):
        report.blocks_of(tmp_path)
    (tmp_path / "bench.json").write_text(json.dumps({"machine_info": run, "benchmarks": [result("ours", None, 1.0)]}))
    page = tmp_path / "page.md"
    page.write_text("<!-- machine:begin -->\n<!-- machine:end -->\n<!-- bench:begin -->\n<!-- bench:end -->\n")
    report.write_pages(tmp_path, (page,))
    assert "| ours |" in page.read_text()
    assert run["cpu"] in page.read_text()
    printed = CliRunner().invoke(_app(report.main), [str(tmp_path / "bench.json")])
    assert printed.exit_code == 0
    assert "| ours |" in printed.output


def test_the_report_has_tables_of_the_server_and_the_page(root, tmp_path):
    import report
    from common.run_metadata import describe_run

    run = describe_run(torch.device("cpu"))
    (tmp_path / "bench.json").write_text(json.dumps({"machine_info": run, "benchmarks": [result("ours", None, 1.0)]}))
    shutil.copy(root / "benchmarks" / "results" / "serve.json", tmp_path)
    measured = {"browser": "Chromium 1", "page_ms": [5.0, 7, 6], "python_ms": [2.0], "microphone_ms": [90, 110]}
    (tmp_path / "browser.json").write_text(json.dumps({"machine_info": run, **measured}))
    blocks = report.blocks_of(tmp_path)
    assert "| frames lost | 0 | 0 |  |" in blocks["serve"]
    assert "one thread of WebAssembly | 6.0 ms | 5.0 – 7.0 ms | 3 |" in blocks["browser"]
    assert "drawn 100 ms after their time" in blocks["browser"]


def test_the_pages_have_markers_for_every_table(root):
    import report

    text = "".join(page.read_text(encoding="utf-8") for page in report.PAGES)
    for name in ("machine", *report.TABLES, *report.LIVE_TABLES):
        assert f"<!-- {name}:begin -->" in text, name


def test_every_benchmark_is_collected_and_measures_into_the_table(root, tmp_path):
    """All files import, and one is run on faces, with the metadata that the table needs."""
    pytest.importorskip("pytest_benchmark", reason="benchmarks need pytest-benchmark")
    out = tmp_path / "bench.json"
    arguments = ["-q", "-p", "no:cacheprovider", "--quick", f"--benchmark-json={out}", "-k", "opencv"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", str(root / "benchmarks"), *arguments],
        cwd=tmp_path,
        # In a worker of pytest-xdist, pytest-benchmark writes no file.
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(out.read_text())
    assert found["machine_info"]["threads"] == 1
    assert [entry["extra_info"]["row"] for entry in found["benchmarks"]] == ["rasterize (OpenCV)"]
    assert "data" not in found["benchmarks"][0]["stats"]


def test_a_device_that_is_not_there_is_said(root, tmp_path):
    pytest.importorskip("pytest_benchmark", reason="benchmarks need pytest-benchmark")
    arguments = [
        str(root / "benchmarks" / "speed" / "bench_raster.py"),
        "--device",
        "cuda:99",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 4
    assert "expected a --device that torch finds here, e.g. cpu, got cuda:99" in done.stderr


def _app(function):
    import typer

    app = typer.Typer()
    app.command()(function)
    return app
