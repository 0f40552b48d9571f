"""The report of generated head motion: tables, and which of the bars it reaches."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from a2k_train.evaluation.head_space.held_out import HeldOut
from a2k_train.evaluation.head_space.measure_fold import AR, AR_VARIED, MODEL, REAL
from a2k_train.evaluation.head_space.tracks import TRACKS
from a2k_train.reports.head_space_tables import HeadTables, head_tables
from a2k_train.reports.results_table import Table
from a2k_train.reports.table_formats import to_json, to_markdown
from kp_io.filesystem import atomic_path

#: Share of the ceiling's excess over chance that generated motion is to reach.
_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Bar:
    """One aim of the head, and whether it is reached.

    Attributes:
        name: What is measured.
        aim: The range that is wanted.
        value: What was measured.
        is_reached: Whether it is in the range.
    """

    name: str
    aim: str
    value: str
    is_reached: bool


def write_head_report(folder: Path, folds: Sequence[HeldOut], *, apart: str | None = None) -> HeadTables:
    """Write `head.md` and `head.json` to a folder: tables and bars.

    Args:
        folder: The folder.
        folds: Results of `measure_fold`.
        apart: Beginning of the names of speakers that get files of their own, `head_apart.md` and `.json`, in any case.

    Raises:
        ValueError: With `apart`, no speaker's name begins so, or every one.
    """

    def is_apart(speaker: str) -> bool:
        return apart is not None and speaker.casefold().startswith(apart.casefold())

    tables = head_tables(folds, lambda speaker: not is_apart(speaker))
    _write(folder / "head", tables)
    if apart is not None:
        _write(folder / "head_apart", head_tables(folds, is_apart))
    return tables


def report_markdown(tables: HeadTables) -> str:
    """Return all tables and the bars as Markdown."""
    summary = tables.summary
    parts = [
        f"Speakers that the head has not seen: {summary.num_speakers}; clips: {summary.num_clips}. Means over "
        "speakers; 95 % intervals resample speakers.",
        summary.markdown(),
        "Deviation over the real one (geometric mean):",
        tables.amplitude.markdown(),
        "Spectrum of the velocity up to 5 Hz, root mean square of the difference to the real one, dB:",
        tables.spectrum.markdown(),
        "The largest difference at any frequency, dB:",
        tables.spectrum_worst.markdown(),
        "Distance of two seeds over that of two real takes, speakers with three or more:",
        tables.diversity.markdown(),
        "Bars:",
        to_markdown(
            [
                ["", "aim", "measured", "reached"],
                *([bar.name, bar.aim, bar.value, "yes" if bar.is_reached else "no"] for bar in bars(tables)),
            ]
        ),
    ]
    return "\n\n".join(parts)


def bars(tables: HeadTables) -> list[Bar]:
    """Return the aims of the head and what was measured.

    The Fréchet distance is compared with the nearer of the two autoregressions. A match is compared with the ceiling,
    which is that of real motion.
    """
    summary = tables.summary.values
    found = [
        _range("amplitude", tables.amplitude, TRACKS, 0.7, 1.3),
        _at_most("spectrum, rms", tables.spectrum, TRACKS, 2.0, "dB"),
        _at_most("spectrum, largest difference", tables.spectrum_worst, TRACKS, 2.0, "dB"),
    ]
    best = min(summary[row]["frechet"] for row in (AR, AR_VARIED))
    ours = summary[MODEL]["frechet"]
    found.append(Bar("Fréchet distance", f"at most half of AR(2)'s {best:.2f}", f"{ours:.2f}", ours <= best / 2))
    found.append(_range("diversity", tables.diversity, TRACKS, 0.8, 1.2))
    for judge in ("head", "brows", "lids"):
        ceiling, own = (summary[row][f"match_{judge}"] for row in (REAL, MODEL))
        share = (own - 0.5) / (ceiling - 0.5) if ceiling > 0.5 else float("nan")
        low = tables.summary.intervals[REAL][f"match_{judge}"][0]
        note = "" if low > 0.5 else "; the ceiling is not above chance"
        aim = f"{_SHARE:.0%} of the ceiling's excess ({ceiling:.3f})"
        found.append(Bar(f"match of {judge}", aim, f"{own:.3f}, {share:.0%}{note}", share >= _SHARE and low > 0.5))
    pauses, real = (summary[row]["pause"] for row in (MODEL, REAL))
    low, high = tables.summary.intervals[REAL]["pause"]
    found.append(Bar("speed² in pauses", f"{real:.2f} [{low:.2f}, {high:.2f}]", f"{pauses:.2f}", low <= pauses <= high))
    rate, real = (summary[row]["blink_rate"] for row in (MODEL, REAL))
    low, high = tables.summary.intervals[REAL]["blink_rate"]
    found.append(Bar("blinks a minute", f"{real:.1f} [{low:.1f}, {high:.1f}]", f"{rate:.1f}", low <= rate <= high))
    length, real = (summary[row]["blink_ms"] for row in (MODEL, REAL))
    found.append(
        Bar("length of a blink", f"{real:.0f} ms, within a frame", f"{length:.0f} ms", abs(length - real) <= 40)
    )
    left = summary[MODEL]["blink_left"]
    found.append(Bar("lids after a blink", "0, within 0.02", f"{left:.3f}", abs(left) <= 0.02))
    face = summary[MODEL]["pose_free"]
    found.append(Bar("pose-free error over real", "at most 1.1", f"{face:.2f}", face <= 1.1))
    return found


def _range(name: str, table: Table, columns: Sequence[str], low: float, high: float) -> Bar:
    values = {column: table.values[MODEL][column] for column in columns}
    values = {column: value for column, value in values.items() if value == value}
    missed = {column: value for column, value in values.items() if not low <= value <= high}
    text = f"{min(values.values()):.2f} to {max(values.values()):.2f}" if values else "–"
    return Bar(name, f"{low} to {high}", text + _listed(missed), bool(values) and not missed)


def _at_most(name: str, table: Table, columns: Sequence[str], most: float, unit: str) -> Bar:
    values = {column: table.values[MODEL][column] for column in columns}
    missed = {column: value for column, value in values.items() if not value <= most}
    return Bar(name, f"at most {most:g} {unit}", f"up to {max(values.values()):.1f}{_listed(missed)}", not missed)


def _listed(missed: dict[str, float]) -> str:
    return f" (missed: {', '.join(f'{name} {value:.2f}' for name, value in missed.items())})" if missed else ""


def _write(stem: Path, tables: HeadTables) -> None:
    content = asdict(tables) | {"bars": [asdict(bar) for bar in bars(tables)]}
    for suffix, text in ((".md", report_markdown(tables)), (".json", to_json(content))):
        with atomic_path(stem.with_suffix(suffix)) as path:
            path.write_text(text + "\n", encoding="utf-8")
