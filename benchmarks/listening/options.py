"""Options shared by `robustness.py` and `languages.py`."""

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    Path | None,
    typer.Option(help="Run folder of `a2k-train crossval`, or one checkpoint.", show_default="small"),
]
Splits = Annotated[
    str | None,
    typer.Option(help="Comma-separated splits to score.", show_default="train,val for a cross-validation, else val"),
]
SkipSpeakers = Annotated[
    str | None,
    typer.Option(help="Beginning of the names of speakers to leave out, such as those of one easy data set."),
]


def is_skipped(speaker: str, beginning: str | None) -> bool:
    """Return whether a speaker is one of those to leave out."""
    return beginning is not None and speaker.casefold().startswith(beginning.casefold())
