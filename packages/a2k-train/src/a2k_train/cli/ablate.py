"""`a2k-train ablate`: train and compare the paper's four variants."""

from typing import Annotated

import typer

from a2k_train.cli.console import print_table, progress, readable_errors
from a2k_train.cli.options import (
    Cache,
    Changes,
    Clips,
    ConfigFile,
    Device,
    Epochs,
    Manifest,
    MaxOffset,
    Run,
    Seed,
    Splits,
    load_settings,
    open_for_training,
    refuse_overwriting_inputs,
    total_steps,
)


@readable_errors()
def ablate(
    clips: Clips,
    run: Run,
    manifest: Manifest = None,
    splits: Splits = "train",
    val: Annotated[str, typer.Option(help="Comma-separated splits to score; they share no speaker.")] = "val",
    config: ConfigFile = None,
    changes: Changes = None,
    epochs: Epochs = None,
    seed: Seed = None,
    max_offset: MaxOffset = None,
    device: Device = "cpu",
    cache: Cache = "memory",
    only: Annotated[
        str | None, typer.Option(help="Train this variant only, without a report, e.g. to train several in parallel.")
    ] = None,
) -> None:
    """Train the four variants of the paper's Table 1 and write tables, Figure 3 and tests of the paper's claims."""
    from a2k_train.experiments.ablation import ablate as compare, train_variant, variant_configs
    from a2k_train.training.launch import launch

    settings = load_settings(config, preset="paper", changes=changes, epochs=epochs, seed=seed, max_offset=max_offset)
    refuse_overwriting_inputs(clips, run, config=config, manifest=manifest, settings=settings)
    fabric = launch(device, precision=settings.precision)
    store = open_for_training(clips, settings, splits=splits, manifest=manifest, cache=cache, device=str(fabric.device))
    total = total_steps(settings, store)
    if only is not None:
        with progress("steps") as advance:
            train_variant(
                settings, only, store, run, on_step=lambda step, losses: advance(step, total, losses), fabric=fabric
            )
        typer.echo(f"{run / only}")
        return
    held_out = open_for_training(clips, settings, splits=val, manifest=manifest)
    names = list(variant_configs(settings))
    with progress("steps") as advance:
        table = compare(
            settings,
            store,
            held_out.clips(),
            run,
            fabric=fabric,
            on_step=lambda name, step, losses: advance(names.index(name) * total + step, len(names) * total, losses),
        )
    print_table(table)
    typer.echo(f"report: {run / 'table.md'}, {run / 'claims.md'}, {run / 'figure3.png'}")
