"""The command `a2k generate`."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from a2k_nets.cli.console import clear_errors, counted
from a2k_nets.cli.options import (
    Blink,
    Brow,
    Device,
    Expression,
    Face,
    HeadMotion,
    Model,
    NeutralizeMouth,
    Nod,
    Revision,
    Seed,
    Sha256,
    Style,
    Tilt,
    Track,
    Turn,
    checkpoint_files,
)
from a2k_nets.extras import how_to_install_kp_render

if TYPE_CHECKING:
    from torch import Tensor

_VIDEO_HEIGHT = 512


def generate(
    image: Annotated[
        Path, typer.Option(help="Portrait, or a video or keypoint file whose first frame is used.", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="Keypoint file to write: .npz, .csv, or another format of kp-io.",
            show_default="an .npz beside the audio",
        ),
    ] = None,
    audio: Annotated[
        Path | None, typer.Option(help="Speech: any audio or video file; of a video, from its first frame on.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Text to speak instead of --audio (needs the extra `tts`).")] = None,
    language: Annotated[
        str | None, typer.Option(help="Language of --text, such as de, fr, pl or zh.", show_default="en")
    ] = None,
    voice: Annotated[
        str | None, typer.Option(help="Voice of --text: a voice such as f2, m3 or grandpa, a language, or de+f2.")
    ] = None,
    draw: Annotated[
        Path | None,
        typer.Option(help="Also draw the keypoints as an .mp4 with the speech, over the portrait, which moves along."),
    ] = None,
    portrait_video: Annotated[
        Path | None,
        typer.Option(
            help="Also make an .mp4 of the portrait speaking, marked as generated (needs kp-render). Ask first.",
            show_default=False,
        ),
    ] = None,
    face: Face = None,
    track: Track = None,
    head_motion: HeadMotion = 1.0,
    expression: Expression = 1.0,
    blink: Blink = 1.0,
    turn: Turn = 1.0,
    nod: Nod = 1.0,
    tilt: Tilt = 1.0,
    brow: Brow = 1.0,
    neutralize_mouth: NeutralizeMouth = None,
    style: Style = None,
    driving: Annotated[
        Path | None, typer.Option(help="Keypoint file to take the head motion from, instead of generating it.")
    ] = None,
    driving_face: Annotated[
        str | None, typer.Option(help="Face of --driving, if that file holds several.", show_default=False)
    ] = None,
    driving_track: Annotated[
        str | None, typer.Option(help="Clip, video or track of --driving, likewise.", show_default=False)
    ] = None,
    seed: Seed = 0,
    fps: Annotated[
        float | None,
        typer.Option(min=0.1, help="Frames per second, e.g. 30 or 29.97.", show_default="the model's, 25"),
    ] = None,
    model: Model = None,
    revision: Revision = None,
    sha256: Sha256 = None,
    device: Device = "cpu",
) -> None:
    """Generate facial keypoints from one portrait and speech."""
    if (audio is None) == (text is None):
        raise typer.BadParameter("give either --audio or --text", param_hint="--audio")
    if text is None and (language or voice):
        raise typer.BadParameter("a language or voice is only for --text", param_hint="--voice")
    if audio is None and out is None:
        raise typer.BadParameter("give a keypoint file to write with --text", param_hint="-o")
    with clear_errors(extra="io"):
        from a2k_nets.inference.generate import generate_sequence
        from a2k_nets.pretrained import load_model
        from kp_io import (
            BLACK,
            annotate_image,
            face_box,
            load_keypoints,
            open_background,
            rasterize,
            read_audio,
            read_still,
            resample_fps,
            save_keypoints,
            synthesize_speech,
            write_video,
        )
        from kp_io.filesystem import atomic_path, beside, refuse_overwriting
        from kp_io.formats import FORMATS
        from kp_io.media import is_video

        out = out or beside(audio or "", ".npz")
        if out.suffix.lower() not in FORMATS:
            raise ValueError(f"expected a keypoint file ending in {' or '.join(FORMATS)}, got {out}")
        has_picture = image.suffix.lower() not in FORMATS
        if portrait_video is not None:
            check_portrait_video(portrait_video, has_picture=has_picture)
            if draw is not None and draw.absolute() == portrait_video.absolute():
                raise ValueError(f"expected two files for --draw and --portrait-video, got {draw} for both")
        refuse_overwriting([out, draw, portrait_video], [image, audio, style, driving, *checkpoint_files(model)])
        network = load_model(model, revision=revision, sha256=sha256)
        sample_rate = network.config.audio.sample_rate
        waveform: Tensor | None = None  # without a video to write, the file is decoded chunk by chunk
        if audio is None:
            waveform = synthesize_speech(text or "", language=language, voice=voice, sample_rate=sample_rate)
        elif draw is not None or portrait_video is not None:
            waveform = read_audio(audio, sample_rate=sample_rate, align_to_video=True)
        still = annotate_image(image, face=face or 0) if has_picture else load_keypoints(image, face=face, track=track)
        if neutralize_mouth is None:
            neutralize_mouth = has_picture and not is_video(image)
        sequence = generate_sequence(
            still,
            (audio or "") if waveform is None else waveform,
            model=network,
            head_motion=head_motion,
            expression=expression,
            blink=blink,
            turn=turn,
            nod=nod,
            tilt=tilt,
            brow=brow,
            neutralize_mouth=neutralize_mouth,
            style=None if style is None else load_keypoints(style),
            driving=None if driving is None else load_keypoints(driving, face=driving_face, track=driving_track),
            seed=seed,
            device=device,
        )
        if fps is not None:
            sequence = resample_fps(sequence, fps)
        # The keypoint file is put in place last, so that a video that cannot be written leaves nothing behind.
        with atomic_path(out) as keypoint_file:
            save_keypoints(keypoint_file, sequence)
            if draw is not None:
                background = (
                    open_background(read_still(image), sequence, reference=still.keypoints[0]) if has_picture else BLACK
                )
                # Cropped to the face, which may be small in a large picture.
                frames = rasterize(sequence, crop=face_box(sequence), height=_VIDEO_HEIGHT, background=background)
                write_video(draw, frames, fps=sequence.fps, audio=waveform, sample_rate=sample_rate)
            if portrait_video is not None:
                from kp_render import write_portrait_video

                write_portrait_video(
                    portrait_video,
                    read_still(image),
                    sequence,
                    reference=still.keypoints[0],
                    audio=waveform,
                    sample_rate=sample_rate,
                    device=device,
                )
    written = ", ".join(str(file) for file in (out, draw, portrait_video) if file is not None)
    typer.echo(f"{counted(len(sequence), 'frame')}, {sequence.duration_seconds:.2f} s: {written}")


def check_portrait_video(path: Path, *, has_picture: bool) -> None:
    """Refuse a video that cannot be made, before anything is computed.

    Raises:
        ImportError: kp-render is missing.
        ValueError: There is no picture to move, or the name of the file has another ending.
    """
    if find_spec("kp_render") is None or find_spec("kornia") is None:
        raise ImportError(f"--portrait-video needs kp-render: {how_to_install_kp_render()}")
    if not has_picture:
        raise ValueError("expected a picture or a video as --image for --portrait-video, got a keypoint file")
    from kp_io.media import VIDEO_SUFFIXES

    if path.suffix.lower() not in VIDEO_SUFFIXES:
        raise ValueError(f"expected a video ending in {' or '.join(VIDEO_SUFFIXES)} for --portrait-video, got {path}")
