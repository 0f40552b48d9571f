"""`a2k-train pretrain`: pretrain the audio layers of a small network on speech without faces."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from a2k_train.cli.console import counted, progress, readable_errors
from a2k_train.cli.lessons import SPEECH_HELP, open_encoded_speech
from a2k_train.cli.options import Changes, ConfigFile, Device, Run, Seed, Steps, load_settings, total_steps


@readable_errors()
def pretrain(
    speech: Annotated[
        Path,
        typer.Argument(help=SPEECH_HELP),
    ],
    run: Run,
    config: ConfigFile = None,
    changes: Changes = None,
    steps: Steps = None,
    seed: Seed = None,
    device: Device = "cpu",
) -> None:
    """Pretrain the audio layers of a small network ("ears") to predict the features of listener's encoder.

    Only speech is needed. `fit` and `crossval` start from the result with --set ears=RUN.
    """
    settings = load_settings(
        config, preset="residual", changes=["losses.features = 1.0", *(changes or ())], steps=steps, seed=seed
    )
    from a2k_train.training.fit import fit
    from a2k_train.training.launch import launch
    from kp_io.filesystem import refuse_overwriting

    refuse_overwriting([run], [speech])
    fabric = launch(device, precision=settings.precision)
    store = open_encoded_speech(speech, settings, device=str(fabric.device))
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
