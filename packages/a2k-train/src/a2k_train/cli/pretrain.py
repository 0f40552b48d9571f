"""`a2k-train pretrain`: teach a small network to hear, from speech without faces."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from a2k_train.cli.console import counted, progress, readable_errors
from a2k_train.cli.options import Changes, ConfigFile, Device, Run, Seed, Steps, load_settings, total_steps


@readable_errors()
def pretrain(
    speech: Annotated[
        Path,
        typer.Argument(
            help="Folder of recordings of speech (WAV, FLAC, MP3, Ogg, Opus, M4A), with subfolders; manifest.csv in it "
            "may name the speaker of each id."
        ),
    ],
    run: Run,
    config: ConfigFile = None,
    changes: Changes = None,
    steps: Steps = None,
    seed: Seed = None,
    device: Device = "cpu",
) -> None:
    """Train the ears of a small network on speech alone, to predict the features of listener's encoder.

    `fit` and `crossval` begin with them: --set ears=RUN.
    """
    settings = load_settings(
        config, preset="residual", changes=["losses.features = 1.0", *(changes or ())], steps=steps, seed=seed
    )
    from a2k_train.data.speech.speech_folder import open_speech
    from a2k_train.recipes.prepare_store import prepare_store
    from a2k_train.training.fit import fit
    from a2k_train.training.launch import launch
    from kp_io.filesystem import refuse_overwriting

    refuse_overwriting([run], [speech])
    fabric = launch(device, precision=settings.precision)
    with progress("recordings read") as advance:
        store = open_speech(
            speech,
            sample_rate=settings.model.audio.sample_rate,
            fps=settings.model.fps,
            on_file=lambda done, count: advance(done, count, {}),
        )
    with progress("recordings encoded") as advance:
        store = prepare_store(
            settings,
            store,
            cache_folder=run / ".cache",
            device=str(fabric.device),
            on_clip=lambda done, count: advance(done, count, {}),
        )
    total, latest = total_steps(settings, store), dict[str, float]()
    with progress("steps") as advance:

        def report(step: int, losses: dict[str, float]) -> None:
            nonlocal latest
            latest = losses or latest
            advance(step, total, losses)

        fit(settings, store, run, fabric=fabric, on_step=report)
    unexplained = "".join(f"; unexplained variance of the features: {value:.2f}" for value in latest.values())
    typer.echo(f"ears: {run / 'model.safetensors'}, from {counted(len(store), 'recording')}{unexplained}")
    change = shlex.quote(f'ears="{run}"')
    typer.echo(f"next: a2k-train fit CLIPS --run RUN --set {change}")
