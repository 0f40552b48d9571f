"""One request of the web page, from its inputs to its files; knows nothing of the page itself."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from a2k_nets.inference.generate import generate_sequence
from a2k_nets.paper.model import PaperAudio2Keypoint
from a2k_nets.residual.model import Audio2Keypoint
from a2k_nets.web.limits import Limits, check_picture, check_sound, check_text
from a2k_nets.web.mouth_chart import track_svg
from kp_io import (
    KeypointSequence,
    annotate_image,
    face_box,
    rasterize,
    read_audio,
    read_image,
    save_keypoints,
    side_by_side,
    synthesize_speech,
    warp_image_to_head,
    write_image,
    write_video,
)
from kp_io.media import RGBImage

#: What can be downloaded: suffix and what it is.
DOWNLOADS = {".mp4": "video", ".npz": "NumPy", ".csv": "table", ".json": "COCO"}

#: Height of what is drawn, and width of lines on the portrait: on a phone, one pixel would not be seen.
_HEIGHT, _LINE_PX = 480, 2

_Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks for.

    Attributes:
        portrait: Picture file.
        speech: Audio or video file; takes precedence over `text`.
        text: Text to speak where there is no recording.
        voice: Voice of the text, a language of eSpeak NG.
        gains: Options of `generate_sequence` by name, such as `head_motion`.
        seed: Of the head's own motion.
    """

    portrait: Path | None
    speech: Path | None = None
    text: str = ""
    voice: str = "en"
    gains: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What there is so far; later answers hold what earlier ones held.

    Attributes:
        found: Picture file: the portrait with the keypoints that were found in it.
        track: SVG of the mouth's opening under the waveform.
        files: Files to download, by suffix.
        summary: One line about the result; empty while there is more to come.
    """

    found: Path
    track: str = ""
    files: Mapping[str, Path] = field(default_factory=dict)
    summary: str = ""


def answer(
    request: Request,
    folder: Path,
    *,
    model: Audio2Keypoint | PaperAudio2Keypoint,
    limits: Limits | None = None,
    on_progress: _Progress = lambda fraction, what: None,
) -> Iterator[Answer]:
    """Answer a request, telling what there is as soon as it is there: the face, the keypoints, the video.

    Args:
        request: The inputs.
        folder: Where the files are written; they have fixed names.
        model: The network.
        limits: What is refused; by default `Limits()`.
        on_progress: Called with a share in [0, 1] and what is being done.

    Yields:
        Ever fuller answers; the last has a summary.

    Raises:
        ValueError: The portrait or the speech is missing, of another kind, damaged, too large or too long, or there
            is no face in the picture (`NoFaceFoundError`).
        ModuleNotFoundError: Text is to be spoken, and espeakng-loader is not installed.
    """
    limits = limits or Limits()
    rate = model.config.audio.sample_rate
    on_progress(0.0, "Finding the face")
    portrait = _portrait(request, limits)
    still = annotate_image(portrait)
    so_far = Answer(folder / "found.png")
    crop = face_box(still, margin=0.6)
    write_image(
        so_far.found, next(rasterize(still, background=portrait, crop=crop, height=_HEIGHT, thickness=_LINE_PX))
    )
    yield so_far

    on_progress(0.1, "Listening")
    waveform = _waveform(request, limits, rate)
    gains: dict[str, Any] = dict(request.gains)
    sequence = generate_sequence(still, waveform, model=model, rest_lips=True, seed=request.seed, **gains)
    files = {suffix: folder / f"keypoints{suffix}" for suffix in DOWNLOADS}
    for suffix in DOWNLOADS.keys() - {".mp4"}:
        save_keypoints(files[suffix], sequence)
    track = track_svg(waveform, sequence.keypoints, sample_rate=rate, fps=sequence.fps)
    so_far = replace(so_far, track=track, files={s: path for s, path in files.items() if s != ".mp4"})
    yield so_far

    frames = _drawn(sequence, portrait, on_progress)
    write_video(files[".mp4"], frames, fps=sequence.fps, audio=waveform, sample_rate=rate)
    yield replace(
        so_far,
        files=files,
        summary=f"{len(sequence)} frames, {sequence.duration_seconds:.2f} s at {sequence.fps:g} fps",
    )


def _portrait(request: Request, limits: Limits) -> RGBImage:
    if request.portrait is None:
        raise ValueError("a portrait is missing: choose a picture of a face first")
    check_picture(request.portrait, limits)
    portrait = read_image(request.portrait)
    height, width = portrait.shape[:2]
    if height * width > 1e6 * limits.picture_megapixels:
        raise ValueError(
            f"expected a picture of at most {limits.picture_megapixels:g} megapixels, "
            f"got {width}×{height} px: make it smaller"
        )
    return portrait


def _waveform(request: Request, limits: Limits, sample_rate: int) -> Tensor:
    if request.speech is not None:
        check_sound(request.speech, limits)
        return read_audio(request.speech, sample_rate=sample_rate, max_seconds=limits.seconds)
    if not request.text.strip():
        raise ValueError("speech is missing: choose or record a sound file, or type a text")
    check_text(request.text, limits)
    waveform = synthesize_speech(request.text, voice=request.voice, sample_rate=sample_rate)
    if len(waveform) > limits.seconds * sample_rate:
        raise ValueError(f"expected a text of at most {limits.seconds:g} s of speech: shorten it")
    return waveform


def _drawn(sequence: KeypointSequence, portrait: RGBImage, on_progress: _Progress) -> Iterator[RGBImage]:
    """Yield the frames of the video: on the portrait, and alone."""
    crop = face_box(sequence)
    columns = [
        rasterize(
            sequence, height=_HEIGHT, crop=crop, background=warp_image_to_head(portrait, sequence), thickness=_LINE_PX
        ),
        rasterize(sequence, height=_HEIGHT, crop=crop),
    ]
    for done, frame in enumerate(side_by_side(columns), 1):
        yield frame
        on_progress(0.3 + 0.7 * done / len(sequence), f"Drawing frame {done} of {len(sequence)}")
