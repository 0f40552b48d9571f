"""`a2k-train publish`: export a run's model."""

from pathlib import Path
from typing import Annotated

import typer

from a2k_train.cli.console import readable_errors


@readable_errors()
def publish(
    run: Annotated[Path, typer.Argument(help="Folder of a finished or interrupted run.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for weights, settings, model card and digest.")],
    which: Annotated[str, typer.Option(help="last; or best, by validation.")] = "last",
) -> None:
    """Export a run's model as a folder for `a2k generate --model` and `load_model`."""
    from a2k_train.experiments.publish import publish as export
    from kp_io.filesystem import refuse_overwriting

    names = ("", "best", "model.safetensors", "best/model.safetensors", "config.toml", "state.safetensors", "table.md")
    refuse_overwriting([out, out / "model.safetensors", out / "config.toml"], [run / name for name in names])
    typer.echo(f"{export(run, out, which=which)}")
