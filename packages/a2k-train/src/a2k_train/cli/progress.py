"""What every command of `a2k-train` does alike: progress, and errors in one line."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer


@contextmanager
def readable_errors() -> Iterator[None]:
    """Turn what a user can mend into one line and exit code 1."""
    try:
        yield
    except BrokenPipeError:
        raise typer.Exit(1) from None  # who reads has seen enough, which is no error to talk about
    except (ValueError, OSError, ImportError, FloatingPointError) as error:
        typer.secho(f"error: {' '.join(str(error).split())}", err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None
    except (MemoryError, RuntimeError) as error:
        if not _is_memory(error):
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


def _is_memory(error: MemoryError | RuntimeError) -> bool:
    """Return whether memory ran out: torch says so of a GPU by a class of its own, of the CPU in its message only."""
    return isinstance(error, MemoryError) or "allocate memory" in str(error) or "out of memory" in str(error)


@contextmanager
def progress(unit: str) -> Iterator[Callable[[int, int, dict[str, float]], None]]:
    """Show how far it is, how fast, how long yet, and the losses; yield what reports done, total and losses."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]}")
    columns = (BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None, rate="")

        def advance(done: int, total: int, losses: dict[str, float]) -> None:
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            words = " ".join(f"{name} {value:.3f}" for name, value in losses.items())
            bar.update(task, completed=done, total=total, rate=f"{speed:.1f} {unit}/s" if speed else "")
            if words:
                bar.update(task, description=words)

        yield advance
