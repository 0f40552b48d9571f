"""One request of the web page, from its inputs to its files, independent of Gradio."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from a2k_nets.inference.generate import generate_sequence
from a2k_nets.pretrained import AnyModel
from a2k_nets.web.limits import Limits, check_picture, check_sound, check_text
from a2k_nets.web.mouth_chart import draw_mouth_chart
from kp_io import (
    KeypointSequence,
    annotate_image,
    face_box,
    open_background,
    rasterize,
    read_audio,
    read_image,
    save_keypoints,
    side_by_side,
    synthesize_speech,
    write_image,
    write_video,
)
from kp_io.media import RGBImage

#: Files to download: suffix and label.
DOWNLOADS = {".mp4": "video", ".npz": "NumPy", ".csv": "table", ".json": "COCO"}

#: Height of the pictures, and width of lines on the portrait: one pixel would be too thin on a phone.
_HEIGHT, _LINE_PX = 480, 2

_Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Request:
    """The inputs of one request.

    Attributes:
        portrait: Picture file.
        speech: Audio or video file; takes precedence over `text`.
        text: Text to speak if there is no `speech`.
        voice: eSpeak NG voice of the text.
        gains: Arguments of `generate_sequence` by name, such as `head_motion`.
        seed: Random seed of the head motion and the blinks.
    """

    portrait: Path | None
    speech: Path | None = None
    text: str = ""
    voice: str = "en"
    gains: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """The results so far; each later one includes the earlier ones.

    Attributes:
        detected: Picture file: the portrait with the keypoints that were detected in it.
        chart: SVG of the waveform and the mouth opening.
        files: Files to download, by suffix.
        summary: One line about the result; empty until it is complete.
    """

    detected: Path
    chart: str = ""
    files: Mapping[str, Path] = field(default_factory=dict)
    summary: str = ""


def process(
    request: Request,
    folder: Path,
    *,
    model: AnyModel,
    limits: Limits | None = None,
    on_progress: _Progress = lambda fraction, step: None,
) -> Iterator[Result]:
    """Process a request, and yield each part of the result as soon as it is ready: the face, the keypoints, the video.

    Args:
        request: The inputs.
        folder: Where the files are written, under fixed names.
        model: The network.
        limits: Limits of the inputs; by default `Limits()`.
        on_progress: Called with the fraction that is done, in [0, 1], and the name of the current step.

    Yields:
        Increasingly complete results; the last one has a summary.

    Raises:
        ValueError: The portrait or the speech is missing, of a wrong type, damaged, too large or too long, or there is
            no face in the picture (`NoFaceFoundError`).
        ModuleNotFoundError: The request has a text, and espeakng-loader is not installed.
    """
    limits = limits or Limits()
    rate = model.config.audio.sample_rate
    on_progress(0.0, "Detecting the face")
    portrait = _read_portrait(request, limits)
    still = annotate_image(portrait)
    result = Result(folder / "found.png")
    crop = face_box(still, margin=0.6)
    write_image(
        result.detected, next(rasterize(still, background=portrait, crop=crop, height=_HEIGHT, thickness=_LINE_PX))
    )
    yield result

    on_progress(0.1, "Generating keypoints")
    waveform = _read_speech(request, limits, rate)
    gains: dict[str, Any] = dict(request.gains)
    sequence = generate_sequence(still, waveform, model=model, neutralize_mouth=True, seed=request.seed, **gains)
    files = {suffix: folder / f"keypoints{suffix}" for suffix in DOWNLOADS}
    video = files.pop(".mp4")
    for path in files.values():
        save_keypoints(path, sequence)
    chart = draw_mouth_chart(waveform, sequence.keypoints, sample_rate=rate, fps=sequence.fps)
    result = replace(result, chart=chart, files=files)
    yield result

    frames = _draw_frames(sequence, portrait, still.keypoints[0], on_progress)
    write_video(video, frames, fps=sequence.fps, audio=waveform, sample_rate=rate)
    yield replace(
        result,
        files=files | {".mp4": video},
        summary=f"Done: a video of {sequence.duration_seconds:.2f} s with the speech ({len(sequence)} "
        f"{'frame' if len(sequence) == 1 else 'frames'} at {sequence.fps:g} fps), and its keypoints to download as "
        f"{', '.join(files)}.",
    )


def _read_portrait(request: Request, limits: Limits) -> RGBImage:
    if request.portrait is None:
        raise ValueError("a portrait is missing: choose a picture of a face first")
    check_picture(request.portrait, limits)
    return read_image(request.portrait)


def _read_speech(request: Request, limits: Limits, sample_rate: int) -> Tensor:
    if request.speech is not None:
        check_sound(request.speech, limits)
        return read_audio(request.speech, sample_rate=sample_rate, align_to_video=True, max_seconds=limits.seconds)
    if not request.text.strip():
        raise ValueError("speech is missing: choose or record a sound file, or type a text")
    check_text(request.text, limits)
    waveform = synthesize_speech(request.text, voice=request.voice, sample_rate=sample_rate)
    if len(waveform) > limits.seconds * sample_rate:
        raise ValueError(f"expected a text of at most {limits.seconds:g} s of speech: shorten it")
    return waveform


def _draw_frames(
    sequence: KeypointSequence, portrait: RGBImage, reference: Tensor, on_progress: _Progress
) -> Iterator[RGBImage]:
    """Yield the frames of the video: the keypoints on the moving portrait, and beside it alone."""
    crop = face_box(sequence)
    columns = [
        rasterize(
            sequence,
            height=_HEIGHT,
            crop=crop,
            background=open_background(portrait, sequence, reference=reference),
            thickness=_LINE_PX,
        ),
        rasterize(sequence, height=_HEIGHT, crop=crop),
    ]
    for done, frame in enumerate(side_by_side(columns), 1):
        yield frame
        on_progress(0.3 + 0.7 * done / len(sequence), f"Drawing frame {done} of {len(sequence)}")
