"""`a2k-train crossval`: cross-validate by speaker."""

from pathlib import Path
from typing import Annotated

import typer

from a2k_train.cli.console import print_table, progress, readable_errors
from a2k_train.cli.lessons import Speech, make_lessons
from a2k_train.cli.options import (
    Apart,
    Cache,
    Changes,
    Clips,
    ConfigFile,
    Device,
    Manifest,
    MaxOffset,
    Preset,
    Run,
    Seed,
    Splits,
    Steps,
    encode_speech,
    load_settings,
    open_for_training,
    refuse_overwriting_inputs,
    total_steps,
)


@readable_errors()
def crossval(
    clips: Clips,
    run: Run,
    manifest: Manifest = None,
    splits: Splits = "train,val",
    config: ConfigFile = None,
    preset: Preset = None,
    changes: Changes = None,
    steps: Steps = None,
    seed: Seed = None,
    max_offset: MaxOffset = None,
    speech: Speech = None,
    teacher: Annotated[
        Path | None, typer.Option(help="Cross-validation of the preset listener on the same clips; lips for --speech.")
    ] = None,
    device: Device = "cpu",
    cache: Cache = "memory",
    folds: Annotated[int, typer.Option(min=2, help="Number of folds.")] = 5,
    apart: Apart = None,
) -> None:
    """Score every clip with a model that has not seen its speaker."""
    from a2k_nets import Audio2Keypoint
    from a2k_train.experiments.crossval import cross_validate
    from a2k_train.experiments.held_out_models import held_out_teachers
    from a2k_train.training.launch import launch

    settings = load_settings(config, preset=preset, changes=changes, steps=steps, seed=seed, max_offset=max_offset)
    refuse_overwriting_inputs(clips, run, config=config, manifest=manifest, settings=settings)
    store = open_for_training(clips, settings, splits=splits, manifest=manifest, cache=cache, device=device)
    store = encode_speech(store, settings, clips, device=device)

    def load_teachers() -> list[Audio2Keypoint]:
        return held_out_teachers(teacher or run, store, folds=folds, seed=settings.seed)

    lessons = make_lessons(speech, load_teachers if teacher else None, settings, device=device)
    total = total_steps(settings, store)
    with progress("steps") as advance:
        table = cross_validate(
            settings,
            store,
            run,
            folds=folds,
            apart=apart,
            lessons=lessons,
            fabric=launch(device, precision=settings.precision),
            on_step=lambda fold, step, losses: advance(fold * total + step, folds * total, losses),
        )
    print_table(table)
    typer.echo(f"per-clip scores: {run / 'clips.csv'}")
