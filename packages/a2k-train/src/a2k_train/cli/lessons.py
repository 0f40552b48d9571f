"""Options of the training commands for speech without video, and for the teacher that labels it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from a2k_train.cli.console import progress

if TYPE_CHECKING:
    from a2k_nets import Audio2Keypoint
    from a2k_train.config.train_config import TrainConfig
    from a2k_train.data.clip_store import ClipStore
    from a2k_train.recipes.ears.lessons import Lessons

SPEECH_HELP = (
    "Folder of recordings of speech (WAV, FLAC, MP3, Ogg, Opus, M4A), with subfolders; manifest.csv in it may name the "
    "speaker of each id."
)
Speech = Annotated[
    Path | None,
    typer.Option(
        help=SPEECH_HELP + " With --teacher and --set taught_windows=N, each step also trains on N windows of it."
    ),
]


def open_encoded_speech(speech: Path, settings: "TrainConfig", *, device: str) -> "ClipStore":
    """Read the recordings, and the features of listener's encoder, cached in the folder, under two bars."""
    from dataclasses import replace

    from a2k_train.config.train_config import LossWeights
    from a2k_train.data.speech.speech_folder import open_speech
    from a2k_train.recipes.prepare_store import prepare_store

    with progress("recordings read") as advance:
        store = open_speech(
            speech,
            sample_rate=settings.model.audio.sample_rate,
            fps=settings.model.fps,
            on_file=lambda done, count: advance(done, count, {}),
        )
    with progress("recordings encoded") as advance:
        return prepare_store(
            replace(settings, losses=LossWeights(features=1.0)),
            store,
            cache_folder=speech / ".cache",
            device=device,
            on_clip=lambda done, count: advance(done, count, {}),
        )


def make_lessons(
    speech: Path | None, teachers: "Callable[[], list[Audio2Keypoint]] | None", settings: "TrainConfig", *, device: str
) -> "Callable[[int], Lessons] | None":
    """Return a function from the number of a teacher to the lessons; None without speech.

    Raises:
        ValueError: Only one of speech and teacher is given.
    """
    if (speech is None) != (teachers is None):
        raise ValueError("expected --speech and --teacher together, got only one of them")
    if speech is None or teachers is None:
        return None
    from a2k_train.recipes.ears.lessons import Lessons

    models, store = teachers(), open_encoded_speech(speech, settings, device=device)
    return lambda fold: Lessons(models[fold], store, seed=settings.seed)
