"""The command line of the model: `a2k generate`, `a2k stream`, `a2k sync`, `a2k export`, `a2k web`."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from a2k_nets.cli.export import export
from a2k_nets.cli.options import Blink, Expression, Face, HeadMotion, RestLips, Revision, Seed, Sha256, Weights
from a2k_nets.cli.stream import stream
from a2k_nets.cli.sync import sync
from a2k_nets.cli.web import web

if TYPE_CHECKING:
    from torch import Tensor

_VIDEO_HEIGHT = 512

app = typer.Typer(help="Facial keypoints from speech.", no_args_is_help=True, add_completion=False)
app.command()(stream)
app.command()(sync)
app.command()(export)
app.command()(web)


@app.callback()
def main() -> None:
    """Facial keypoints from speech."""


@app.command()
def generate(
    image: Annotated[Path, typer.Option(help="Portrait, or a keypoint file whose first frame is taken.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Keypoint file to write: .npz, .csv, or another of kp-io's formats.")
    ],
    audio: Annotated[Path | None, typer.Option(help="Speech: any audio or video file.")] = None,
    text: Annotated[str | None, typer.Option(help="Text to speak instead (needs the extra `tts`).")] = None,
    language: Annotated[
        str | None, typer.Option(help="Language of --text, such as de, fr, pl or zh.", show_default="en")
    ] = None,
    voice: Annotated[
        str | None, typer.Option(help="Voice of --text, such as f2, m3 or grandpa; a language or de+f2 will do, too.")
    ] = None,
    video: Annotated[Path | None, typer.Option(help="Also draw the face as an .mp4 with the speech.")] = None,
    face: Face = 0,
    head_motion: HeadMotion = 1.0,
    expression: Expression = 1.0,
    blink: Blink = 1.0,
    rest_lips: RestLips = None,
    head: Annotated[
        Path | None, typer.Option(help="Keypoint file whose head motion is taken instead of a made-up one.")
    ] = None,
    seed: Seed = 0,
    fps: Annotated[
        float | None,
        typer.Option(min=0.1, help="Frames a second, e.g. 30 or 29.97.", show_default="the model's own, 25"),
    ] = None,
    model: Weights = None,
    revision: Revision = None,
    sha256: Sha256 = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.")] = "cpu",
) -> None:
    """Let a face speak: keypoints from one picture and speech."""
    if (audio is None) == (text is None):
        raise typer.BadParameter("give either --audio or --text", param_hint="--audio")
    if text is None and (language or voice):
        raise typer.BadParameter("a recording has a voice already: give it with --text", param_hint="--voice")
    if find_spec("kp_io") is None:
        typer.secho('error: the command needs kp-io: `pip install "a2k-nets[io]"`', err=True, fg=typer.colors.RED)
        raise typer.Exit(1)
    try:
        from a2k_nets.inference.generate import generate_sequence
        from a2k_nets.pretrained import load_model
        from kp_io import face_box, load_keypoints, rasterize, resample_fps, save_keypoints, write_video
        from kp_io.filesystem import atomic_path
        from kp_io.formats import FORMATS

        if out.suffix.lower() not in FORMATS:
            raise ValueError(f"expected a keypoint file ending in {' or '.join(FORMATS)}, got {out}")
        network = load_model(model, revision=revision, sha256=sha256)
        sample_rate = network.config.audio.sample_rate
        waveform = _speech(audio, text, language, voice, sample_rate=sample_rate)
        sequence = generate_sequence(
            load_keypoints(image) if image.suffix.lower() in FORMATS else image,
            waveform,
            model=network,
            face=face,
            head_motion=head_motion,
            expression=expression,
            blink=blink,
            rest_lips=rest_lips,
            driving=None if head is None else load_keypoints(head),
            seed=seed,
            device=device,
        )
        if fps is not None:
            sequence = resample_fps(sequence, fps)
        # The keypoints take their place last: a video that cannot be written leaves nothing behind.
        with atomic_path(out) as keypoints_file:
            save_keypoints(keypoints_file, sequence)
            if video is not None:
                # Zoomed in: in a large picture the face may be small.
                frames = rasterize(sequence, crop=face_box(sequence), height=_VIDEO_HEIGHT)
                write_video(video, frames, fps=sequence.fps, audio=waveform, sample_rate=sample_rate)
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        typer.secho(f"error: {' '.join(str(error).split())}", err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None
    typer.echo(f"{len(sequence)} frames, {sequence.duration_seconds:.2f} s: {out}" + (f", {video}" if video else ""))


def _speech(
    audio: Path | None, text: str | None, language: str | None, voice: str | None, *, sample_rate: int
) -> "Tensor":
    if audio is not None:
        from kp_io import read_audio

        return read_audio(audio, sample_rate=sample_rate)
    from kp_io import synthesize_speech

    return synthesize_speech(text or "", language=language, voice=voice, sample_rate=sample_rate)
