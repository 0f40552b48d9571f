"""Options shared by `robustness.py` and `languages.py`."""

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    Path | None,
    typer.Option(help="Run folder of `a2k-train crossval`, or one checkpoint.", show_default="the embedded one"),
]
Splits = Annotated[
    str | None,
    typer.Option(help="Comma-separated splits to score.", show_default="train,val for a cross-validation, else val"),
]
