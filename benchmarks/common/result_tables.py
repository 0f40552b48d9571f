"""Results as Markdown tables, with their alternatives."""

from collections.abc import Iterable, Sequence
from typing import Any

__all__ = [
    "bench_table",
    "cold_start_table",
    "growth_table",
    "machine_table",
    "markdown_table",
    "memory_table",
    "power_of_ten",
    "seconds",
]

Json = dict[str, Any]


def seconds(value: float) -> str:
    """Return a duration with three digits in a suitable unit.

    Example:
        >>> seconds(0.00123), seconds(0.0456), seconds(7.891), seconds(200)
        ('1.23 ms', '45.6 ms', '7.89 s', '200 s')
    """
    if value < 1:
        return f"{_digits(1000 * value)} ms"
    return f"{_digits(value)} s"


def power_of_ten(value: float) -> str:
    """Return a small number with one digit.

    Example:
        >>> power_of_ten(7.3e-7)
        '7·10⁻⁷'
    """
    digit, _, exponent = f"{value:.0e}".partition("e")
    return f"{digit}·10{str(int(exponent)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def machine_table(run: Json) -> str:
    """Return the table of a run's machine and versions."""
    versions = ", ".join(f"{name} {number}" for name, number in run["versions"].items())
    rows = [
        ("processor", f"{run['cpu']}, {run['cores']} cores, {run['memory_gb']} GB; one thread where no row says more"),
        ("GPU", f"{run['gpu']}, CUDA {run['cuda']}" if run["gpu"] else "none"),
        ("system", f"{run['os']}, {run['python']}"),
        ("commit, date", f"{run['commit']}, {run['date']}"),
        ("load when it began", f"{run['load']}: what others ran on these cores"),
        ("versions", versions),
    ]
    return markdown_table(("", "what the figures were measured on"), rows)


def bench_table(results: Json) -> str:
    """Return the tables of a pytest-benchmark run by group: median, spread, rate and speed-up.

    The ratio is of rates, so that rows with different amounts of the same work can be compared. A row without its
    alternative, e.g. a library that is not installed, has no ratio.
    """
    groups: dict[str, list[Json]] = {}
    for result in results["benchmarks"]:
        groups.setdefault(result["group"], []).append(result)
    parts = []
    for group, members in groups.items():
        rates = {r["extra_info"]["row"]: _rate(r) for r in members}
        rows = [_bench_row(result, rates) for result in members]
        # The alternative first, then from the slowest to the fastest.
        rows.sort(key=lambda row: row[0])
        unit = members[0]["extra_info"]["unit"]
        rate = "× real time" if unit.startswith("s ") else f"{unit} a second"
        header = ("", "median", "IQR", "rounds", rate, "times as fast")
        alternatives = {r["extra_info"]["against"] for r in members} - {None}
        against = f", against {', '.join(sorted(alternatives))}" if alternatives else ""
        parts.append(f"**{group}**{against}\n\n{markdown_table(header, [row[1] for row in rows])}")
    return "\n\n".join(parts)


def _bench_row(result: Json, rates: dict[str, float]) -> tuple[tuple[bool, float], Sequence[str]]:
    stats, note = result["stats"], result["extra_info"]
    rate, against = _rate(result), note["against"]
    ratio = note.get("ratio") or (rate / rates[against] if against in rates else None)
    shown = "1" if against is None else "–" if ratio is None else f"**{_digits(ratio)}**"
    median, spread = seconds(stats["median"]), seconds(stats["iqr"])
    cells = (note["row"], median, spread, str(stats["rounds"]), _digits(rate), shown)
    return (against is not None, rate), cells


def _rate(result: Json) -> float:
    return float(result["extra_info"]["amount"] / result["stats"]["median"])


def memory_table(results: Json) -> str:
    """Return the peak memory of every job, and the part above Python, libraries and input."""
    jobs = results["jobs"]
    header = ["job, in a process of its own", "peak, MB", "of it while at work, MB", "it took"]
    rows = [
        [job["name"], f"{job['peak_mb']:.0f}", f"{job['peak_mb'] - job['start_mb']:.0f}", seconds(job["seconds"])]
        for job in jobs
    ]
    if any(job["gpu_mb"] is not None for job in jobs):
        header.append("peak on the GPU, MB")
        rows = [
            [*row, "–" if job["gpu_mb"] is None else f"{job['gpu_mb']:.0f}"]
            for row, job in zip(rows, jobs, strict=True)
        ]
    return markdown_table(header, rows)


def cold_start_table(results: Json) -> str:
    """Return the start time of every command and its target."""
    rows = []
    for entry in results["commands"]:
        bar = entry["bar"]
        verdict = "" if bar is None else f"{'within' if entry['median'] <= bar else '**above**'} {bar:g} s"
        spread = f"{seconds(entry['best'])} – {seconds(entry['worst'])}"
        rows.append((f"`{entry['name']}`", entry["until"], seconds(entry["median"]), spread, verdict))
    return markdown_table(("command", "until", "median", "range", "bar"), rows)


def growth_table(results: Json) -> str:
    """Return the slope of each curve at the large end, and its fixed and proportional cost."""
    rows = []
    for curve in results["curves"]:
        first, last = curve["points"][0], curve["points"][-1]
        slope, fit = curve["slope"], curve["line"]
        rows.append(
            (
                curve["name"],
                f"{first['size']:,.0f} – {last['size']:,.0f} {curve['unit']}",
                f"{seconds(first['seconds'])} – {seconds(last['seconds'])}",
                f"{slope['slope']:.2f} ± {slope['error']:.2f} from {slope['start']:,.0f} on",
                seconds(fit["fixed"]),
                seconds(fit["per_unit"] * curve["quoted"]) + f" per {curve['quoted']:,.0f} {curve['unit']}",
            )
        )
    return markdown_table(("curve", "sizes", "took", "slope of the large end", "fixed", "and"), rows)


def _digits(value: float) -> str:
    """Return three significant digits without an exponent."""
    if value == 0:
        return "0"
    whole = f"{value:.3g}"
    return f"{value:,.0f}" if "e" in whole else whole


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows of cells as a table of Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
