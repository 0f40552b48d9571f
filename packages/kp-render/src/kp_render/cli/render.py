"""The command `kp-render render`: a video of a portrait that speaks."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kp_render.cli.console import exit_on_error, show_progress


class Crop(StrEnum):
    """The choices of `--crop`."""

    FACE = "face"
    NONE = "none"


def render(
    portrait: Annotated[
        Path, typer.Argument(help="Picture of a face, or a video: its first frame.", show_default=False)
    ],
    keypoints: Annotated[Path, typer.Argument(help="Keypoint file, as `a2k generate` writes it.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Video (.mp4, .mov, .mkv).", show_default="an .mp4 beside the keypoints"),
    ] = None,
    audio: Annotated[Path | None, typer.Option(help="Sound of the video: an audio or video file.")] = None,
    face: Annotated[int, typer.Option(min=0, help="Which face of the picture, by size.")] = 0,
    crop: Annotated[Crop, typer.Option(help="A square around the face, or the whole picture.")] = Crop.NONE,
    size: Annotated[int | None, typer.Option(min=32, help="Height in px.", show_default="the picture's")] = None,
    background: Annotated[
        str,
        typer.Option(
            metavar="keep|blur|#RRGGBB|transparent",
            help="What is behind the person; transparent for a .mov. Found by colour: errs on single hairs.",
        ),
    ] = "keep",
    paint: Annotated[
        bool,
        typer.Option("--paint/--no-paint", help="Let a network correct the mouth; not for drawings."),
    ] = True,
    weights: Annotated[
        Path | None, typer.Option(help="Weights of `kp-render train`.", show_default="those in the package")
    ] = None,
    mark: Annotated[bool, typer.Option("--mark/--no-mark", help="Show the word `generated` in the corner.")] = True,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.")] = "cpu",
) -> None:
    """Make a video of a portrait that moves as keypoints do. Ask the person in the picture first."""
    with exit_on_error():
        from kp_io import annotate_image, load_keypoints, read_audio, read_still
        from kp_io.filesystem import beside, refuse_overwriting
        from kp_render.video.portrait_video import write_portrait_video

        out = out or beside(keypoints, ".mov" if background == "transparent" else ".mp4")
        refuse_overwriting([out], [portrait, keypoints, audio, weights])
        sequence = load_keypoints(keypoints)
        image = read_still(portrait)
        reference = annotate_image(image, face=face).keypoints[0]
        waveform = None if audio is None else read_audio(audio, align_to_video=True)
        with show_progress() as progress:
            bar = progress.add_task("rendering", total=len(sequence))
            write_portrait_video(
                out,
                image,
                sequence,
                reference=reference,
                audio=waveform,
                crop=crop.value,
                size=size,
                background=background,
                paint=paint,
                weights=weights,
                mark=mark,
                device=device,
                on_frame=lambda: progress.advance(bar),
            )
        typer.echo(f"{out}: {len(sequence)} frames, {sequence.duration_seconds:.2f} s at {sequence.fps:g} fps")
