"""The command line of training: `a2k-train fit | crossval | evaluate | ablate | publish`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from a2k_train.cli_options import (
    Cache,
    Changes,
    Clips,
    ConfigFile,
    Device,
    Epochs,
    Manifest,
    Preset,
    Run,
    Seed,
    Splits,
    Steps,
    load,
    settings,
)
from a2k_train.cli_progress import progress, readable_errors

if TYPE_CHECKING:
    from a2k_train.table import Table

app = typer.Typer(help="Train and evaluate Audio2Keypoint networks.", no_args_is_help=True, add_completion=False)


@app.command()
def fit(
    clips: Clips,
    run: Run,
    manifest: Manifest = None,
    splits: Splits = "train",
    val: Annotated[str, typer.Option(help="Splits of the validations, where validate_every is set.")] = "val",
    config: ConfigFile = None,
    preset: Preset = None,
    changes: Changes = None,
    steps: Steps = None,
    epochs: Epochs = None,
    seed: Seed = None,
    device: Device = "cpu",
    devices: Annotated[int, typer.Option(min=1, help="How many of them, a process each.")] = 1,
    cache: Cache = "memory",
) -> None:
    """Train a model; it is written as RUN/model.safetensors."""
    with readable_errors():
        chosen = settings(config, preset=preset, changes=changes, steps=steps, epochs=epochs, seed=seed)
        from a2k_train.fit import fit as train
        from a2k_train.launch import launch
        from a2k_train.validate import Validator

        fabric = launch(device, precision=chosen.precision, devices=devices)
        store = load(clips, chosen, splits=splits, manifest=manifest, cache=cache, device=str(fabric.device))
        validator = None
        if chosen.validate_every:
            held_out = load(clips, chosen, splits=val, manifest=manifest)
            validator = Validator(held_out.clips(), store, run / "validation", seed=chosen.seed)
        total = chosen.total_steps(-(-len(store) // chosen.batch_size))
        with progress("steps") as advance:
            train(
                chosen,
                store,
                run,
                fabric=fabric,
                on_step=lambda step, losses: advance(step, total, losses),
                validate=validator,
            )
        if fabric.is_global_zero:
            typer.echo(f"trained on {len(store)} clips: {run / 'model.safetensors'}")


@app.command()
def crossval(
    clips: Clips,
    run: Run,
    manifest: Manifest = None,
    splits: Splits = "train,val",
    config: ConfigFile = None,
    changes: Changes = None,
    steps: Steps = None,
    seed: Seed = None,
    folds: Annotated[int, typer.Option(min=2, help="Number of folds.")] = 5,
) -> None:
    """Score every clip by a model that never saw its speaker."""
    with readable_errors():
        from a2k_train.crossval import cross_validate

        chosen = settings(config, changes=changes, steps=steps, seed=seed)
        store = load(clips, chosen, splits=splits, manifest=manifest)
        total = chosen.total_steps(-(-len(store) // chosen.batch_size))
        with progress("steps") as advance:
            table = cross_validate(
                chosen,
                store,
                run,
                folds=folds,
                on_step=lambda fold, step, losses: advance(fold * total + step, folds * total, losses),
            )
        _print_table(table)
        typer.echo(f"per-clip scores: {run / 'clips.csv'}")


@app.command()
def publish(
    run: Annotated[Path, typer.Argument(help="Folder of a run, finished or not.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for weights, settings, card and digest.")],
    which: Annotated[str, typer.Option(help="last, or best of the validations.")] = "last",
) -> None:
    """Write a run's model as a folder that `a2k generate --model` and `load_model` take."""
    with readable_errors():
        from a2k_train.publish import publish as write

        typer.echo(f"{write(run, out, which=which)}")


def _print_table(table: "Table") -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    console.print(Markdown(table.markdown()))
    console.print(f"{table.num_clips} clips, {table.num_speakers} speakers")
