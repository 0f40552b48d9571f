"""Error handling shared by the `a2k` commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import typer

from a2k_nets.extras import how_to_install_kp_io


@contextmanager
def clear_errors(*, extra: str = "", on_interrupt: str = "") -> Iterator[None]:
    """Report a user's error in one line and exit with code 1, without a traceback.

    Args:
        extra: Extra of a2k-nets to suggest where kp-io is missing; empty for a command that does not need kp-io.
        on_interrupt: What Ctrl-C prints before the exit code 130.
    """
    try:
        if extra and find_spec("kp_io") is None:
            raise ImportError(f"the command needs kp-io: {how_to_install_kp_io(extra)}")
        yield
    except (typer.Exit, BrokenPipeError):
        raise  # Typer exits silently with code 1 when the reader of stdout has closed it.
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        typer.secho(f"error: {' '.join(str(error).split())}", err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        if on_interrupt:
            typer.secho(on_interrupt, err=True)
        raise typer.Exit(130) from None


def on_device(model: Any, device: str) -> Any:
    """Return the model on a device; raise a `ValueError` if torch finds no such device here."""
    try:
        return model.to(device)
    except (AssertionError, RuntimeError) as error:  # torch asserts that it was built with support for the device
        raise ValueError(f"expected a device that torch finds here, e.g. cpu, got {device}: {error}") from error


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

        typer.echo(f"a2k-nets {version('a2k-nets')}")
        raise typer.Exit
    return False
