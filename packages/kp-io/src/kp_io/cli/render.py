"""The command `kp-io render`: keypoints drawn as a video or a picture."""

from pathlib import Path
from typing import Annotated

import typer

from kp_io.cli.console import counted, exit_on_error, show_progress
from kp_io.cli.options import (
    AudioOption,
    BackgroundOption,
    ClipOption,
    FaceOption,
    ImageOption,
    KeypointFile,
    StillOption,
)

#: Minimum height of a rendered video by default, so that the keypoints of small videos are visible.
_MIN_HEIGHT = 512

#: Frames in the picture of a sequence.
_SHEET_FRAMES = 8


def render(
    keypoints: KeypointFile,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Video (.mp4, .mov, .mkv), animation (.gif, .webp, .apng), or picture of some frames (.png, .jpg).",
            show_default="an .mp4 beside the keypoints",
        ),
    ] = None,
    face: FaceOption = None,
    track: ClipOption = None,
    image: ImageOption = None,
    audio: AudioOption = None,
    over: BackgroundOption = None,
    still: StillOption = False,
    height: Annotated[int | None, typer.Option(min=32, help="Height in px; by default at least 512.")] = None,
    zoom: Annotated[bool, typer.Option("--zoom", help="Show only the face.")] = False,
    white: Annotated[bool, typer.Option("--white", help="Draw on white, for print.")] = False,
) -> None:
    """Draw keypoints as a video, an animation, or a picture of several frames."""
    with exit_on_error():
        from kp_io.drawing.background import open_background
        from kp_io.drawing.montage import contact_sheet
        from kp_io.drawing.rasterize import face_box, rasterize
        from kp_io.drawing.style import BLACK, WHITE
        from kp_io.filesystem.overwriting import beside, refuse_overwriting
        from kp_io.formats.registry import load_keypoints
        from kp_io.media.animation import ANIMATION_SUFFIXES, write_animation
        from kp_io.media.audio import read_audio
        from kp_io.media.image import IMAGE_SUFFIXES, write_image
        from kp_io.media.video_writer import write_video

        out = out or beside(keypoints, ".mp4")
        refuse_overwriting([out], [keypoints, audio, over])
        suffix = out.suffix.lower()
        if audio is not None and suffix in ANIMATION_SUFFIXES | IMAGE_SUFFIXES:
            raise ValueError(f"expected a video (.mp4, .mov, .mkv) for --audio, got {out}, which cannot hold sound")
        sequence = load_keypoints(keypoints, face=face, track=track, image=image)
        waveform = None if audio is None else read_audio(audio, align_to_video=True)
        background = (WHITE if white else BLACK) if over is None else open_background(over, sequence, moving=not still)
        crop = face_box(sequence) if zoom else None
        natural = sequence.image_size[0] if crop is None else crop[3] - crop[1]
        frames = rasterize(sequence, crop=crop, height=height or max(natural, _MIN_HEIGHT), background=background)
        if suffix in IMAGE_SUFFIXES - ANIMATION_SUFFIXES:
            # Evenly spaced, including the first and the last frame.
            chosen = {round(i * (len(sequence) - 1) / (_SHEET_FRAMES - 1)) for i in range(_SHEET_FRAMES)}
            sheet = [frame for i, frame in enumerate(frames) if i in chosen]
            write_image(out, contact_sheet(sheet, columns=min(len(sheet), _SHEET_FRAMES // 2)))
            typer.echo(f"{out}: picture of {counted(len(sheet), 'frame')}")
            return
        with show_progress() as progress:
            drawn = progress.track(frames, total=len(sequence), description="drawing")
            if suffix in ANIMATION_SUFFIXES:
                write_animation(out, drawn, fps=sequence.fps)
            else:
                write_video(out, drawn, fps=sequence.fps, audio=waveform)
        typer.echo(
            f"{out}: {counted(len(sequence), 'frame')}, {sequence.duration_seconds:.2f} s at {sequence.fps:g} fps"
        )
