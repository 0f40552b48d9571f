"""Console output of the `a2k-train` commands: progress, tables, and errors in one line."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from a2k_train.reports.results_table import Table

#: Wider tables are printed without intervals.
_MAX_COLUMNS_WITH_INTERVALS = 7

_MIN_TABLE_WIDTH = 140


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
    """Show a progress bar with rate, remaining time and losses; yield a function of done, total and losses."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]}")
    columns = (BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None, rate="")

        def advance(done: int, total: int, losses: dict[str, float]) -> None:
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            text = " ".join(f"{name} {value:.3f}" for name, value in losses.items())
            bar.update(task, completed=done, total=total, rate=f"{speed:.1f} {unit}/s" if speed else "")
            if text:
                bar.update(task, description=text)

        yield advance


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
