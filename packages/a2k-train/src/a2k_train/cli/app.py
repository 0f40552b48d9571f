"""The command line of training: `a2k-train fit | crossval | evaluate | ablate | publish`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from a2k_nets.cli.options import Revision, Sha256, Weights
from a2k_train.cli.options import (
    Cache,
    Changes,
    Clips,
    ConfigFile,
    Device,
    Epochs,
    Manifest,
    MaxOffset,
    Preset,
    Run,
    Seed,
    Splits,
    Steps,
    load,
    settings,
)
from a2k_train.cli.progress import progress, readable_errors

if TYPE_CHECKING:
    from a2k_train.reports.results_table import Table

#: Columns of a table that a terminal has room for with intervals.
_WIDE = 7

_TABLE_WIDTH = 140

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
    max_offset: MaxOffset = None,
    device: Device = "cpu",
    devices: Annotated[int, typer.Option(min=1, help="How many of them, a process each.")] = 1,
    cache: Cache = "memory",
) -> None:
    """Train a model; it is written as RUN/model.safetensors."""
    with readable_errors():
        chosen = settings(
            config, preset=preset, changes=changes, steps=steps, epochs=epochs, seed=seed, max_offset=max_offset
        )
        from a2k_train.training.fit import fit as train
        from a2k_train.training.launch import launch
        from a2k_train.training.validator import Validator

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
    max_offset: MaxOffset = None,
    folds: Annotated[int, typer.Option(min=2, help="Number of folds.")] = 5,
) -> None:
    """Score every clip by a model that never saw its speaker."""
    with readable_errors():
        from a2k_train.experiments.crossval import cross_validate

        chosen = settings(config, changes=changes, steps=steps, seed=seed, max_offset=max_offset)
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
def evaluate(
    clips: Clips,
    model: Weights = None,
    revision: Revision = None,
    sha256: Sha256 = None,
    manifest: Manifest = None,
    splits: Splits = "val",
    statistics: Annotated[
        str, typer.Option(help="Splits of the mean face and of L1's units, for a model of the preset paper.")
    ] = "train",
    out: Annotated[Path | None, typer.Option(help="Folder for table, per-clip rows and plots.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of the shuffled audio and the head's motion.")] = 0,
) -> None:
    """Score a model beside its baselines on the clips of some splits."""
    with readable_errors():
        from a2k_nets import load_model
        from a2k_train.cli.evaluate import score_model
        from a2k_train.cli.options import load_for

        network = load_model(model, revision=revision, sha256=sha256)
        held_out = load_for(network.config, clips, splits=splits, manifest=manifest)
        with progress("clips") as advance:
            table = score_model(
                network,
                held_out.clips(),
                training=lambda: load_for(network.config, clips, splits=statistics, manifest=manifest),
                out=out,
                seed=seed,
                on_clip=lambda done: advance(done, len(held_out), {}),
            )
        _print_table(table)


@app.command()
def ablate(
    clips: Clips,
    run: Run,
    manifest: Manifest = None,
    splits: Splits = "train",
    val: Annotated[str, typer.Option(help="Splits to score on; no speaker may be in both.")] = "val",
    config: ConfigFile = None,
    changes: Changes = None,
    epochs: Epochs = None,
    seed: Seed = None,
    max_offset: MaxOffset = None,
    device: Device = "cpu",
    cache: Cache = "memory",
    only: Annotated[str | None, typer.Option(help="Train this variant only, e.g. beside others; no report.")] = None,
) -> None:
    """Train the four variants of the paper's Table 1 and report on them: tables, Figure 3, its claims."""
    with readable_errors():
        from a2k_train.experiments.ablation import ablate as compare, train_variant, variant_configs
        from a2k_train.training.launch import launch

        chosen = settings(config, preset="paper", changes=changes, epochs=epochs, seed=seed, max_offset=max_offset)
        fabric = launch(device, precision=chosen.precision)
        store = load(clips, chosen, splits=splits, manifest=manifest, cache=cache, device=str(fabric.device))
        total = chosen.total_steps(-(-len(store) // chosen.batch_size))
        if only is not None:
            with progress("steps") as advance:
                train_variant(
                    chosen, only, store, run, on_step=lambda step, losses: advance(step, total, losses), fabric=fabric
                )
            typer.echo(f"{run / only}")
            return
        held_out = load(clips, chosen, splits=val, manifest=manifest)
        names = list(variant_configs(chosen))
        with progress("steps") as advance:
            table = compare(
                chosen,
                store,
                held_out.clips(),
                run,
                fabric=fabric,
                on_step=lambda name, step, losses: advance(
                    names.index(name) * total + step, len(names) * total, losses
                ),
            )
        _print_table(table)
        typer.echo(f"report: {run / 'table.md'}, {run / 'claims.md'}, {run / 'figure3.png'}")


@app.command()
def publish(
    run: Annotated[Path, typer.Argument(help="Folder of a run, finished or not.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for weights, settings, card and digest.")],
    which: Annotated[str, typer.Option(help="last, or best of the validations.")] = "last",
) -> None:
    """Write a run's model as a folder that `a2k generate --model` and `load_model` take."""
    with readable_errors():
        from a2k_train.experiments.publish import publish as write

        typer.echo(f"{write(run, out, which=which)}")


def _print_table(table: "Table") -> None:
    """Show the table; one too wide for a terminal without its intervals, which are in the files."""
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.table import Table as RichTable

    if len(table.columns) <= _WIDE:
        console = Console()
        console.print(Markdown(table.markdown()))
    else:
        shown = RichTable(box=None, pad_edge=False)
        shown.add_column("", no_wrap=True)
        for title in table.columns.values():
            shown.add_column(title, justify="right")
        for row, values in table.values.items():
            numbers = (values[name] for name in table.columns)
            shown.add_row(row, *(f"{number:.2f}" if number == number else "–" for number in numbers))
        # Names and numbers stay on one line, whatever the terminal's width: a wrapped table cannot be read.
        console = Console(width=max(Console().width, _TABLE_WIDTH))
        console.print(shown)
    console.print(f"{table.num_clips} clips, {table.num_speakers} speakers")
