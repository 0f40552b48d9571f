"""Errors, progress and words on the console."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import typer

from kp_render.extras import how_to_install_kp_io

if TYPE_CHECKING:
    from rich.progress import Progress


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Print errors that a user can fix as one line on stderr, and exit with code 1."""
    try:
        if find_spec("kp_io") is None:
            raise ImportError(f"the command needs kp-io: {how_to_install_kp_io()}")
        yield
    except KeyboardInterrupt:
        typer.echo("stopped; the same command goes on, or begins again", err=True)
        raise typer.Exit(130) from None
    except (ValueError, OSError, ImportError, RuntimeError, MemoryError) as error:
        if isinstance(error, typer.Exit):
            raise
        expected = "expected files that fit into memory, got larger ones" if isinstance(error, MemoryError) else error
        typer.echo(f"error: {' '.join(str(expected).split())}", err=True)
        raise typer.Exit(1) from None


@contextmanager
def show_progress() -> Iterator["Progress"]:
    """Yield a progress bar with time left, on stderr and only on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    text, bar, count, left = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(text, bar, count, left, console=console, disable=not console.is_terminal, transient=True) as progress:
        yield progress


def show_version(is_asked: bool) -> bool:
    """Print the version and exit, for the option `--version`."""
    if is_asked:
        from importlib.metadata import version

        typer.echo(f"kp-render {version('kp-render')}")
        raise typer.Exit
    return False
