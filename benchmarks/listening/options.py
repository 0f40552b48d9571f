"""Options that the scripts which listen share."""

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    Path | None,
    typer.Option(help="Run of a2k-train crossval, or one checkpoint.", show_default="the embedded one"),
]
Splits = Annotated[
    str | None,
    typer.Option(help="Splits to hear.", show_default="train,val for a cross-validation, else val"),
]
