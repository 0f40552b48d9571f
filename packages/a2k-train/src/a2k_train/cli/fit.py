"""`a2k-train fit`: train one model."""

import shlex
import time
from typing import Annotated

import typer

from a2k_train.cli.console import counted, duration, progress, readable_errors
from a2k_train.cli.lessons import Speech, make_lessons
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
    encode_speech,
    load_settings,
    open_for_training,
    refuse_overwriting_inputs,
    total_steps,
)


@readable_errors()
def fit(
    clips: Clips,
    run: Run,
    manifest: Manifest = None,
    splits: Splits = "train",
    val: Annotated[str, typer.Option(help="Comma-separated splits for validation, if validate_every is set.")] = "val",
    config: ConfigFile = None,
    preset: Preset = None,
    changes: Changes = None,
    steps: Steps = None,
    epochs: Epochs = None,
    seed: Seed = None,
    max_offset: MaxOffset = None,
    speech: Speech = None,
    teacher: Annotated[
        str | None, typer.Option(help="Model of the preset listener that generates lips for --speech.")
    ] = None,
    device: Device = "cpu",
    devices: Annotated[int, typer.Option(min=1, help="Number of devices, with one process each.")] = 1,
    cache: Cache = "memory",
) -> None:
    """Train a model and write it to RUN/model.safetensors."""
    settings = load_settings(
        config, preset=preset, changes=changes, steps=steps, epochs=epochs, seed=seed, max_offset=max_offset
    )
    refuse_overwriting_inputs(clips, run, config=config, manifest=manifest, settings=settings)
    from a2k_nets import Audio2Keypoint
    from a2k_train.training.fit import fit as train
    from a2k_train.training.launch import launch
    from a2k_train.training.validator import Validator

    fabric = launch(device, precision=settings.precision, devices=devices)
    store = open_for_training(clips, settings, splits=splits, manifest=manifest, cache=cache, device=str(fabric.device))
    store = encode_speech(store, settings, clips, device=str(fabric.device))

    def load_teacher() -> list[Audio2Keypoint]:
        return [Audio2Keypoint.from_pretrained(teacher)]

    lessons = make_lessons(speech, load_teacher if teacher else None, settings, device=str(fabric.device))
    validator = None
    if settings.validate_every:
        held_out = open_for_training(clips, settings, splits=val, manifest=manifest)
        validator = Validator(held_out.clips(), store, run / "validation", seed=settings.seed)
    total = total_steps(settings, store)
    started, done, latest = time.monotonic(), 0, dict[str, float]()
    with progress("steps") as advance:

        def report(step: int, losses: dict[str, float]) -> None:
            nonlocal done, latest
            done, latest = done + 1, losses or latest
            advance(step, total, losses)

        train(settings, store, run, fabric=fabric, lessons=lessons and lessons(0), on_step=report, validate=validator)
    if not fabric.is_global_zero:
        return
    weights = run / "model.safetensors"
    if done:
        took = f"{counted(done, 'step')} in {duration(time.monotonic() - started)}"
        values = ", ".join(f"{name} {value:.3f}" for name, value in latest.items())
        typer.echo(f"trained on {counted(len(store), 'clip')}, {took}{values and '; last losses: '}{values}")
    else:
        typer.echo(f"{run} has done all {counted(total, 'step')} before; nothing was trained")
    typer.echo(f"model: {weights}")
    typer.echo(f"next: a2k-train evaluate {shlex.quote(str(clips))} --model {shlex.quote(str(weights))}")
