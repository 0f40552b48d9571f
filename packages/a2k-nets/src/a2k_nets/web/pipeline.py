"""One request of the web page, from its inputs to its files, independent of Gradio."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from a2k_nets.inference.generate import generate_sequence
from a2k_nets.pretrained import AnyModel
from a2k_nets.web.limits import Limits, check_picture, check_sound, check_text, read_clip
from a2k_nets.web.mouth_chart import draw_mouth_chart
from a2k_nets.web.videos import HEIGHT_PX, LINE_PX, MARGIN, write_videos
from kp_io import (
    annotate_image,
    face_box,
    rasterize,
    read_audio,
    read_image,
    save_keypoints,
    synthesize_speech,
    write_image,
)
from kp_io.media import RGBImage

#: Files to download: name and label.
DOWNLOADS = {
    "portrait.mp4": "portrait",
    "keypoints.mp4": "both",
    "keypoints.npz": "NumPy",
    "keypoints.csv": "table",
    "keypoints.json": "COCO",
}

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
        style: Keypoint file of a clip; head and brows move as much as there.
        driving: Keypoint file of a clip whose head motion is copied.
    """

    portrait: Path | None
    speech: Path | None = None
    text: str = ""
    voice: str = "en"
    gains: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    style: Path | None = None
    driving: Path | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The results so far; each later one includes the earlier ones.

    Attributes:
        detected: Picture file: the portrait with the keypoints that were detected in it.
        chart: SVG of the waveform and the mouth opening.
        files: Files to download, by name.
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
        ValueError: The portrait or the speech is missing, a file is of a wrong type, damaged, too large or too long, or
            there is no face in the picture (`NoFaceFoundError`).
        ModuleNotFoundError: The request has a text, and espeakng-loader is not installed.
    """
    limits = limits or Limits()
    rate = model.config.audio.sample_rate
    on_progress(0.0, "Detecting the face")
    portrait = _read_portrait(request, limits)
    clips = {"style": request.style, "driving": request.driving}
    options: dict[str, Any] = {name: read_clip(path, limits) for name, path in clips.items() if path is not None}
    still = annotate_image(portrait)
    result = Result(folder / "found.png")
    crop = face_box(still, margin=MARGIN)
    write_image(
        result.detected, next(rasterize(still, background=portrait, crop=crop, height=HEIGHT_PX, thickness=LINE_PX))
    )
    yield result

    on_progress(0.1, "Generating keypoints")
    waveform = _read_speech(request, limits, rate)
    options |= request.gains
    sequence = generate_sequence(still, waveform, model=model, neutralize_mouth=True, seed=request.seed, **options)
    files = {name: folder / name for name in DOWNLOADS if not name.endswith(".mp4")}
    for path in files.values():
        save_keypoints(path, sequence)
    chart = draw_mouth_chart(waveform, sequence.keypoints, sample_rate=rate, fps=sequence.fps)
    result = replace(result, chart=chart, files=files)
    yield result

    def on_frame(done: float) -> None:
        on_progress(0.3 + 0.7 * done, "Drawing the video")

    videos = write_videos(
        folder, sequence, portrait, reference=still, speech=waveform, sample_rate=rate, on_frame=on_frame
    )
    yield replace(
        result,
        files=videos | files,
        summary=f"Done: {'the portrait speaks' if 'portrait.mp4' in videos else 'a video with the speech'}, "
        f"{sequence.duration_seconds:.2f} s ({len(sequence)} {'frame' if len(sequence) == 1 else 'frames'} at "
        f"{sequence.fps:g} fps).",
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
