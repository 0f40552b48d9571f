"""Generate facial keypoints from a portrait and speech, or run all steps on a talking-face video.

    python examples/full_pipeline.py                               # the included portrait and speech
    python examples/full_pipeline.py --image me.jpg --audio me.wav
    python examples/full_pipeline.py --text "Good morning, it is a quarter past eight, and the sun is shining."
    python examples/full_pipeline.py --video talk.mp4              # annotate, generate, score, compare

The results are in out/ (or --out): portrait.mp4, the portrait that speaks beside its keypoints; keypoints.npz and .csv;
keypoints.mp4, and frames.png with some of its frames. With --video there are also truth.npz, the annotation, and
table.md, the scores with those of the baselines. --text needs kp-io[tts]; the picture of --image may be a video, of
which the first frame is used. Ask the person in the picture first.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor

from a2k_nets import AnyModel, generate_sequence, load_model
from a2k_train import Clip, evaluate
from a2k_train.data.clip import to_int16
from a2k_train.reports.results_table import COLUMNS, summarize, write_table
from kp_io import (
    KeypointSequence,
    align_audio,
    annotate_image,
    annotate_video,
    contact_sheet,
    face_box,
    open_background,
    rasterize,
    read_audio,
    read_still,
    read_video,
    save_keypoints,
    side_by_side,
    synthesize_speech,
    write_image,
    write_video,
)
from kp_io.filesystem import atomic_path, refuse_overwriting
from kp_io.media import is_video
from kp_render import mark_generated, render_portrait
from kp_render.video import COMMENT

SPEECH = Path(__file__).parent / "assets" / "sense_and_sensibility_0870.wav"
#: Beginnings of the SHA-256 digests of the clips that the shipped weights were trained on.
TRAINING_CLIPS = Path(__file__).parent / "assets" / "training_clips.txt"
RESULTS = ("portrait.mp4", "keypoints.npz", "keypoints.csv", "keypoints.mp4", "frames.png", "truth.npz", "table.md")
#: The columns of the table, and what is a good value; `docs/metrics.md` has all of them.
LEGEND = {
    "mouth_correlation": "1 is best, 0 is chance. The model reaches about 0.7 with unknown speakers.",
    "lip_error_ratio": "0 is best; 1 is a mouth that never moves. About 0.85 with unknown speakers.",
    "closure_f1": "Lips closed when they should be: 1 is best. About 0.5 with unknown speakers.",
    "mouth_amplitude_ratio": "1 is the natural range of the mouth; below 1 it moves too little.",
    "head_amplitude_ratio": "1 is the natural range of the head. It says nothing of when the head moves.",
}
HEIGHT = 480
NUM_FRAMES_SHOWN = 8


@dataclass(frozen=True)
class Inputs:
    """Inputs of the model, and the ground truth if there is one."""

    reference: KeypointSequence
    waveform: Tensor
    portrait: np.ndarray | None = None
    truth: KeypointSequence | None = None


def main(
    image: Annotated[Path | None, typer.Option(help="Portrait.", show_default="scikit-image's astronaut")] = None,
    audio: Annotated[Path | None, typer.Option(help="Speech.", show_default="a LibriVox reading")] = None,
    text: Annotated[str | None, typer.Option(help="Text to speak instead of --audio.")] = None,
    video: Annotated[Path | None, typer.Option(help="Talking-face video to annotate, regenerate and score.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")] = Path("out"),
    seed: Annotated[int, typer.Option(help="Random seed of the head motion.")] = 0,
) -> None:
    """Generate facial keypoints from speech and render them."""
    if video is not None and (image or audio or text is not None):
        raise typer.BadParameter("--video replaces --image, --audio and --text", param_hint="--video")
    if audio is not None and text is not None:
        raise typer.BadParameter("give either --audio or --text", param_hint="--audio")
    try:
        refuse_overwriting([out / name for name in RESULTS], [image, audio, video])
        model = load_model()
        rate = model.config.audio.sample_rate
        inputs = from_video(video, rate) if video else from_portrait(image, audio, text, rate)
        # Open lips in a portrait are a pose, e.g. a smile; in a video's first frame they may be speech.
        is_portrait = inputs.truth is None and not (image is not None and is_video(image))
        sequence = generate_sequence(
            inputs.reference, inputs.waveform, model=model, neutralize_mouth=is_portrait, seed=seed
        )
        save_keypoints(out / "keypoints.npz", sequence)
        save_keypoints(out / "keypoints.csv", sequence)
        if inputs.truth is not None:
            save_keypoints(out / "truth.npz", inputs.truth)
        render(inputs, sequence, video, out, rate)
        render_speaking_portrait(inputs, sequence, video, out, rate)
        typer.echo(f"{sequence}\nmade from {len(inputs.waveform) / rate:.2f} s of speech:")
        if inputs.truth is not None:
            typer.echo(score(model, inputs, video, out))
            if video is not None and was_trained_on(video):
                typer.echo("warning: the model was trained on this clip: with unknown clips it scores less", err=True)
    except (ValueError, OSError, ImportError) as error:
        typer.secho(f"error: {error}", err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None
    for name in sorted(path.name for path in out.iterdir()):
        typer.echo(f"  {out / name}")


def from_portrait(image: Path | None, audio: Path | None, text: str | None, sample_rate: int) -> Inputs:
    """Read a portrait, by default one from scikit-image, and speech."""
    if image is None:
        from skimage.data import astronaut

        portrait = astronaut()
    else:
        portrait = read_still(image)
    waveform = (
        synthesize_speech(text, sample_rate=sample_rate)
        if text is not None
        else read_audio(audio or SPEECH, sample_rate=sample_rate)
    )
    return Inputs(annotate_image(portrait), waveform, portrait=portrait)


def from_video(video: Path, sample_rate: int) -> Inputs:
    """Read a video: its first frame is the reference, its audio the speech, its annotation the ground truth."""
    truth = annotate_video(video)
    waveform = read_audio(video, sample_rate=sample_rate, align_to_video=True)
    waveform = align_audio(waveform, num_frames=len(truth), fps=truth.fps, sample_rate=sample_rate)
    return Inputs(truth.frames(0, 1), waveform, truth=truth)


def render(inputs: Inputs, sequence: KeypointSequence, video: Path | None, out: Path, sample_rate: int) -> None:
    """Write the video with the speech, and a picture of some frames."""
    crop = face_box(sequence if inputs.truth is None else inputs.truth)
    if inputs.truth is None or video is None:
        assert inputs.portrait is not None
        # The portrait moves with the head, so that the keypoints stay on the face.
        moving = open_background(inputs.portrait, sequence, reference=inputs.reference.keypoints[0])
        columns = {
            "keypoints on the portrait": rasterize(sequence, height=HEIGHT, crop=crop, background=moving),
            "generated keypoints": rasterize(sequence, height=HEIGHT, crop=crop),
        }
    else:
        columns = {
            "footage": rasterize(inputs.truth, height=HEIGHT, crop=crop, background=read_video(video)),
            "true keypoints": rasterize(inputs.truth, height=HEIGHT, crop=crop),
            "generated keypoints": rasterize(sequence, height=HEIGHT, crop=crop),
        }
    frames = side_by_side(list(columns.values()), labels=list(columns))
    write_video(out / "keypoints.mp4", frames, fps=sequence.fps, audio=inputs.waveform, sample_rate=sample_rate)
    indices = torch.linspace(0, len(sequence) - 1, NUM_FRAMES_SHOWN).round().int().tolist()
    frames_shown = [frame for index, frame in enumerate(read_video(out / "keypoints.mp4")) if index in indices]
    write_image(out / "frames.png", contact_sheet(frames_shown, columns=NUM_FRAMES_SHOWN // 2, height=HEIGHT // 2))


def render_speaking_portrait(
    inputs: Inputs, sequence: KeypointSequence, video: Path | None, out: Path, sample_rate: int
) -> None:
    """Write the video of the portrait that speaks, beside the keypoints that it follows."""
    portrait = next(iter(read_video(video))) if inputs.portrait is None and video is not None else inputs.portrait
    assert portrait is not None
    left, top, right, bottom = crop = face_box(sequence)
    speaking = render_portrait(portrait, sequence, reference=inputs.reference.keypoints[0])
    columns: dict[str, Iterable[np.ndarray]] = {
        "portrait": portrait[top:bottom, left:right],
        "portrait that speaks": mark_generated(frame[top:bottom, left:right].copy() for frame in speaking),
        "generated keypoints": rasterize(sequence, height=HEIGHT, crop=crop),
    }
    frames = side_by_side(list(columns.values()), labels=list(columns), height=HEIGHT)
    write_video(
        out / "portrait.mp4",
        frames,
        fps=sequence.fps,
        audio=inputs.waveform,
        sample_rate=sample_rate,
        comment=COMMENT,
    )


def score(model: AnyModel, inputs: Inputs, video: Path | None, out: Path) -> str:
    """Score the model and the baselines against the annotation."""
    assert inputs.truth is not None
    assert video is not None
    clip = Clip(
        id=video.stem,
        speaker="the video's",
        split="given",
        sound=to_int16(inputs.waveform),
        keypoints=inputs.truth.keypoints,
        measured=(inputs.truth.scores > 0).any(dim=1),
    )
    # The speaker of the demo's clip is the other voice for the row "shuffled audio".
    other = read_audio(SPEECH, sample_rate=model.config.audio.sample_rate)
    scores = evaluate(model, [clip], voices=[other])
    table = summarize(scores, columns={name: COLUMNS[name] for name in LEGEND})
    write_table(out, scores, table, suffixes=("md", "json"))
    text = f"{table.markdown()}\n\n" + "\n".join(f"- {COLUMNS[name]}: {words}" for name, words in LEGEND.items())
    with atomic_path(out / "table.md") as path:
        path.write_text(f"{text}\n", encoding="utf-8")
    return text


def was_trained_on(video: Path) -> bool:
    """Return whether a video is, byte for byte, a clip that the shipped weights were trained on."""
    known = TRAINING_CLIPS.read_text(encoding="utf-8").split()
    return hashlib.sha256(video.read_bytes()).hexdigest()[:16] in known


if __name__ == "__main__":
    typer.run(main)
