"""Error handling shared by the `a2k` commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import typer


@contextmanager
def clear_errors(*, extra: str = "", on_interrupt: str = "") -> Iterator[None]:
    """Report a user's error in one line and exit with code 1, without a traceback.

    Args:
        extra: Extra of a2k-nets to suggest where kp-io is missing; empty for a command that does not need kp-io.
        on_interrupt: What Ctrl-C prints before the exit code 130.
    """
    try:
        if extra and find_spec("kp_io") is None:
            raise ImportError(f'the command needs kp-io: `pip install "a2k-nets[{extra}]"`')
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
