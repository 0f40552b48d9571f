"""Errors, progress and words on the console."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Print errors that a user can fix as one line on stderr, and exit with code 1."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("stopped; the same command goes on, or begins again", err=True)
        raise typer.Exit(130) from None
    except BrokenPipeError:
        raise typer.Exit(1) from None  # `kp-io info … | head` stopped reading, which needs no message
    except (ValueError, OSError, ImportError, MemoryError) as error:
        expected = "expected files that fit into memory, got larger ones: " if isinstance(error, MemoryError) else ""
        typer.echo(f"error: {expected}{one_line(str(error))}", err=True)
        raise typer.Exit(1) from None


@contextmanager
def show_progress() -> Iterator["Progress"]:
    """Yield a progress bar with rate and time left, on stderr and only on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    text, bar, count, left = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(text, bar, count, left, console=console, disable=not console.is_terminal, transient=True) as progress:
        yield progress


def one_line(message: str) -> str:
    """Join the lines of a message."""
    return " ".join(message.split())


def counted(number: int, thing: str) -> str:
    """Return a number with its noun, in the plural if it is not 1.

    Example:
        >>> counted(1, "frame"), counted(25, "frame")
        ('1 frame', '25 frames')
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def show_version(is_asked: bool) -> bool:
    """Print the version and exit, for the option `--version`."""
    if is_asked:
        from importlib.metadata import version

        typer.echo(f"kp-io {version('kp-io')}")
        raise typer.Exit
    return False
