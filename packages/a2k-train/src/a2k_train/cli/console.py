"""Console output of the `a2k-train` commands: progress, tables, and errors in one line."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from a2k_train.reports.results_table import Table

#: Wider tables are printed without intervals.
_MAX_COLUMNS_WITH_INTERVALS = 7

_MIN_TABLE_WIDTH = 140

_SECONDS_BETWEEN_LINES = 10


@contextmanager
def readable_errors() -> Iterator[None]:
    """Report errors that a user can fix in one line, with exit code 1; also a decorator of commands."""
    try:
        yield
    except BrokenPipeError:
        raise typer.Exit(1) from None  # the reader of the pipe has closed it, which needs no message
    except (ValueError, OSError, ImportError, FloatingPointError) as error:
        typer.secho(f"error: {' '.join(str(error).split())}", err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        typer.secho(
            "error: expected batches and networks that fit into the memory, got more; choose a smaller batch_size, "
            "window_frames or width, or --cache disk",
            err=True,
            fg=typer.colors.RED,
        )
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.secho("stopped; the same command goes on from the last checkpoint", err=True)
        raise typer.Exit(130) from None


def _is_out_of_memory(error: MemoryError | RuntimeError) -> bool:
    """Return whether memory ran out; torch has an error class for this on GPUs, and only a message on the CPU."""
    return isinstance(error, MemoryError) or "allocate memory" in str(error) or "out of memory" in str(error)


@contextmanager
def progress(unit: str) -> Iterator[Callable[[int, int, dict[str, float]], None]]:
    """Show a progress bar with rate, remaining time and losses; yield a function of done, total and losses.

    Where standard error is no terminal, such as in a pipe, it is a whole line now and then, at most one in 10 seconds.
    """
    if not sys.stderr.isatty():
        yield _lines(unit)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]}")
    columns = (BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        # Hidden until there is something to show: a finished run that is resumed does nothing.
        task = bar.add_task("", total=None, rate="", visible=False)

        def advance(done: int, total: int, losses: dict[str, float]) -> None:
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            text = " ".join(f"{name} {value:.3f}" for name, value in losses.items())
            bar.update(task, visible=True, completed=done, total=total, rate=f"{speed:.1f} {unit}/s" if speed else "")
            if text:
                bar.update(task, description=text)

        yield advance


def _lines(unit: str) -> Callable[[int, int, dict[str, float]], None]:
    """Return a function of done, total and losses that prints a line now and then, and one at the end."""
    started, printed, first = time.monotonic(), -math.inf, 0
    latest: dict[str, float] = {}

    def advance(done: int, total: int, losses: dict[str, float]) -> None:
        nonlocal printed, first, latest
        now, latest = time.monotonic(), losses or latest
        first = first or done
        if now - printed < _SECONDS_BETWEEN_LINES and done < total:
            return
        printed = now
        rate = (done - first) / max(now - started, 1e-9)
        left = f", {rate:.3g} {unit}/s, {duration((total - done) / rate)} left" if rate > 0 and done < total else ""
        values = "".join(f" {name} {value:.3f}" for name, value in latest.items())
        typer.echo(f"{done}/{total} {unit}{left}{':' if values else ''}{values}", err=True)

    return advance


def duration(seconds: float) -> str:
    """Return a duration in words.

    Example:
        >>> duration(9.26), duration(75), duration(7_384)
        ('9.3 s', '1 min 15 s', '2 h 3 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds // 60)
    return f"{minutes} min {int(seconds % 60)} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def print_table(table: "Table") -> None:
    """Print a table; wide ones without the intervals, which are in the written files."""
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.table import Table as RichTable

    if len(table.columns) <= _MAX_COLUMNS_WITH_INTERVALS:
        console = Console()
        console.print(Markdown(table.markdown()))
    else:
        rich_table = RichTable(box=None, pad_edge=False)
        rich_table.add_column("", no_wrap=True)
        for title in table.columns.values():
            rich_table.add_column(title, justify="right")
        for row, values in table.values.items():
            numbers = (values[name] for name in table.columns)
            rich_table.add_row(row, *(f"{number:.2f}" if number == number else "–" for number in numbers))
        # A minimum width keeps names and numbers on one line in narrow terminals: a wrapped table cannot be read.
        console = Console(width=max(Console().width, _MIN_TABLE_WIDTH))
        console.print(rich_table)
    console.print(f"{counted(table.num_clips, 'clip')}, {counted(table.num_speakers, 'speaker')}")


def counted(number: int, thing: str) -> str:
    """Return a number with its noun, in the plural if it is not 1.

    Example:
        >>> counted(1, "clip"), counted(25, "clip")
        ('1 clip', '25 clips')
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def show_version(is_asked: bool) -> bool:
    """Print the version and exit, for the option `--version`."""
    if is_asked:
        from importlib.metadata import version

        typer.echo(f"a2k-train {version('a2k-train')}")
        raise typer.Exit
    return False
