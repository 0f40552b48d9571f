"""The commands `kp-io convert` and `kp-io compare-video`."""

from pathlib import Path
from typing import Annotated

import typer

from kp_io.cli.console import counted, exit_on_error, show_progress
from kp_io.cli.options import AudioOption, BackgroundOption, ClipOption, FaceOption, ImageOption, KeypointFile


def convert(
    source: KeypointFile,
    target: Annotated[
        Path | None, typer.Argument(help="Keypoint file; its suffix names the format.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The same as TARGET.", show_default=False)] = None,
    variant: Annotated[str | None, typer.Option(help="openface for .csv, frames for .json.")] = None,
    size: Annotated[str | None, typer.Option(help="WIDTHxHEIGHT of the picture, for files without it.")] = None,
    fps: Annotated[float | None, typer.Option(min=0.1, help="Resample to this frame rate.")] = None,
    frame: Annotated[int | None, typer.Option(min=0, help="Only this frame: a .pts holds one.")] = None,
    face: FaceOption = None,
    track: ClipOption = None,
    image: ImageOption = None,
    one_based: Annotated[
        bool, typer.Option("--one-based", help="The COCO file counts pixels from 1, as in 300-W.")
    ] = False,
) -> None:
    """Write keypoints in another format.

    Formats: .npz, .csv, .openface.csv, .json (COCO), .frames.json (for Blender and Unity), .pts (300-W).

    For rigs, written but not read: .arkit.csv and .arkit.json (52 blend shapes), .bvh (head bone).
    """
    with exit_on_error():
        from kp_io.filesystem.overwriting import refuse_overwriting
        from kp_io.formats.coco import read_coco
        from kp_io.formats.registry import load_keypoints, save_keypoints
        from kp_io.rigs import rig_suffix, save_rig
        from kp_io.transforms import resample_fps

        if target is not None and out is not None:
            raise ValueError(f"expected one file to write, got {target} and {out}")
        target = target or out
        if target is None:
            raise ValueError("expected a file to write, got none; name it after the source, or with -o")
        refuse_overwriting([target], [source])
        image_size = None if size is None else _parse_size(size)
        if not one_based:
            sequence = load_keypoints(source, image_size=image_size, face=face, track=track, image=image)
        elif source.suffix.lower() == ".json" and source.is_file():
            sequence = read_coco(source, image_size, face=face, track=track, image=image, one_based=True)
        else:
            raise ValueError(f"expected a COCO file (.json) with --one-based, got {source}")
        if fps is not None:
            sequence = resample_fps(sequence, fps)
        if frame is not None:
            if frame >= len(sequence):
                raise ValueError(f"expected a frame from 0 to {len(sequence) - 1} of {source}, got {frame}")
            sequence = sequence.frames(frame, frame + 1)
        if variant is None and rig_suffix(target):
            save_rig(target, sequence)
        else:
            save_keypoints(target, sequence, variant=variant)
        typer.echo(f"{target}: {counted(len(sequence), 'frame')}")


def compare_video(
    inputs: Annotated[list[Path], typer.Argument(help="Keypoint files or other systems' videos.", show_default=False)],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Video (.mp4, …), animation (.gif, …) or picture (.png, .jpg).")
    ],
    labels: Annotated[str | None, typer.Option(help="Comma-separated labels; by default the file names.")] = None,
    audio: AudioOption = None,
    over: BackgroundOption = None,
    height: Annotated[int | None, typer.Option(min=32, help="Height of a frame, px (384; in a picture 160).")] = None,
    columns: Annotated[int, typer.Option(min=1, help="Frames in a row of a picture.")] = 8,
    zoom: Annotated[bool, typer.Option("--zoom", help="Show only the faces.")] = False,
) -> None:
    """Compare several systems side by side in a video, or row by row in a picture.

    All use the frame rate of the first keypoint file. In a video, shorter inputs hold their last frame; in a picture,
    the columns are times of the shortest input.
    """
    with exit_on_error():
        from kp_io.drawing.comparison import compare_as_sheet, compare_as_video, open_runs
        from kp_io.filesystem.overwriting import refuse_overwriting
        from kp_io.media.animation import ANIMATION_SUFFIXES, write_animation
        from kp_io.media.audio import read_audio
        from kp_io.media.image import IMAGE_SUFFIXES, write_image
        from kp_io.media.video_writer import write_video

        names = [path.stem for path in inputs] if labels is None else [name.strip() for name in labels.split(",")]
        if len(names) != len(inputs):
            raise ValueError(f"expected a label for each of {len(inputs)} files, got {len(names)}: {', '.join(names)}")
        refuse_overwriting([out], [*inputs, audio, over])
        suffix = out.suffix.lower()
        as_picture = suffix in IMAGE_SUFFIXES - ANIMATION_SUFFIXES
        if audio is not None and suffix in ANIMATION_SUFFIXES | IMAGE_SUFFIXES:
            raise ValueError(f"expected a video (.mp4, .mov, .mkv) for --audio, got {out}, which cannot hold sound")
        height = height or (160 if as_picture else 384)
        waveform = None if audio is None else read_audio(audio, align_to_video=True)
        runs, fps = open_runs(inputs, over=over, height=height, zoom=zoom)
        if as_picture:
            write_image(out, compare_as_sheet(runs, labels=names, columns=columns, height=height))
            typer.echo(f"{out}: {counted(len(runs), 'row')}")
            return
        total = max(run.num_frames for run in runs)
        with show_progress() as progress:
            frames = compare_as_video(runs, labels=names, height=height)
            drawn = progress.track(frames, total=total, description="drawing")
            if suffix in ANIMATION_SUFFIXES:
                write_animation(out, drawn, fps=fps)
            else:
                write_video(out, drawn, fps=fps, audio=waveform)
        typer.echo(f"{out}: {len(runs)} side by side, {counted(total, 'frame')} at {fps:g} fps")


def _parse_size(text: str) -> tuple[int, int]:
    """Return height and width from `640x480`."""
    width, _, height = text.lower().replace("×", "x").partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ValueError(f"expected --size WIDTHxHEIGHT, such as 640x480, got {text!r}")
    return int(height), int(width)
