"""The work of file requests, in a worker process: find the face in a portrait, generate the keypoints of speech."""

import json
import os
import signal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from a2k_nets.inference.generate import generate_sequence
from a2k_nets.pretrained import AnyModel, load_model
from a2k_nets.web.limits import Limits, check_picture, check_sound
from a2k_nets.web.pipeline import Request
from a2k_nets.web.ui_text import explain
from kp_io import KeypointSequence, annotate_image, read_audio, save_keypoints

#: Forms of the answer: the file's name and its MIME type.
FORMS = {
    "frames": ("keypoints.frames.json", "application/json"),
    "coco": ("keypoints.json", "application/json"),
    "csv": ("keypoints.csv", "text/csv"),
    "npz": ("keypoints.npz", "application/octet-stream"),
}

#: How much the worker steps back behind live streams.
_NICENESS = 10

#: The arguments of `load_model` in this process.
_source: dict[str, Any] = {}


class FileRequest(NamedTuple):
    """One request: where its files are, and what is asked for.

    Attributes:
        folder: Where the answer is written.
        portrait: Picture of a face.
        speech: Sound, or None if only the face is asked for.
        form: A key of `FORMS`.
        options: Arguments of `generate_sequence` by name.
    """

    folder: Path
    portrait: Path
    speech: Path | None = None
    form: str = "frames"
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed


def start_worker(model: str | None, revision: str | None, sha256: str | None) -> None:
    """Prepare the worker process: note the model, and let live streams go first."""
    _source.update(source=model, revision=revision, sha256=sha256)
    if hasattr(os, "nice"):
        os.nice(_NICENESS)


@cache
def _model() -> AnyModel:
    """Return the model, which the first request for keypoints loads."""
    return load_model(**_source)


def answer(request: FileRequest, limits: Limits, seconds: float) -> tuple[str, Path | str]:
    """Do the work of a request; where it takes longer than some seconds, this process ends (not on Windows).

    Returns:
        `"done"` and the file that was written; or `"wrong"` or `"failed"`, i.e. the request's fault or ours, and why.
    """
    set_timer = getattr(signal, "setitimer", lambda *_: None)
    # The signal ends the process, whatever native code it is in; the server then starts another one.
    set_timer(getattr(signal, "ITIMER_REAL", 0), seconds)
    try:
        return "done", _answer(request, limits)
    except (ValueError, OSError, RuntimeError, ImportError) as error:
        text = explain(error, Request(request.portrait, request.speech))
        return ("wrong" if isinstance(error, ValueError) else "failed"), text
    finally:
        set_timer(getattr(signal, "ITIMER_REAL", 0), 0)


def _answer(request: FileRequest, limits: Limits) -> Path:
    check_picture(request.portrait, limits)
    still = annotate_image(request.portrait)
    if request.speech is None:
        return _write_face(request.folder / "face.json", still)
    check_sound(request.speech, limits)
    model = _model()
    rate = model.config.audio.sample_rate
    speech = read_audio(request.speech, sample_rate=rate, align_to_video=True, max_seconds=limits.seconds)
    options = {"neutralize_mouth": True} | request.options
    sequence = generate_sequence(still, speech, model=model, **options)
    out = request.folder / FORMS[request.form][0]
    save_keypoints(out, sequence)
    return out


def _write_face(path: Path, still: KeypointSequence) -> Path:
    """Write the face as the message `start` of a live stream takes it."""
    height, width = still.image_size
    face = still.keypoints[0, :, :2].double().round(decimals=3).tolist()
    path.write_text(json.dumps({"face": face, "image_width": width, "image_height": height}), encoding="utf-8")
    return path
