"""The command `a2k stream`: keypoints as JSON lines while the audio is still coming in."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from a2k_nets.cli.console import clear_errors
from a2k_nets.cli.options import Blink, Expression, Face, HeadMotion, Model, NeutralizeMouth, Revision, Seed, Sha256

if TYPE_CHECKING:
    from torch import Tensor

    from a2k_nets.inference.pcm_source import PcmSource
    from a2k_nets.inference.streaming import StreamingGenerator


def stream(
    image: Annotated[Path, typer.Option(help="Portrait, or a keypoint file whose first frame is used.")],
    rate: Annotated[int, typer.Option(min=1, help="Sample rate of raw PCM, in Hz; a WAV file has its own.")] = 16_000,
    mic: Annotated[bool, typer.Option("--mic", help="Record from the microphone (needs the extra `mic`).")] = False,
    face: Face = 0,
    head_motion: HeadMotion = 1.0,
    expression: Expression = 1.0,
    blink: Blink = 1.0,
    neutralize_mouth: NeutralizeMouth = None,
    seed: Seed = 0,
    model: Model = None,
    revision: Revision = None,
    sha256: Sha256 = None,
) -> None:
    """Generate keypoints in real time: PCM (s16le, mono) or WAV on stdin, one line of JSON per frame on stdout.

    ffmpeg -i talk.mp4 -f s16le -ac 1 -ar 16000 - | a2k stream --image face.png
    """
    if not mic and sys.stdin.isatty():
        raise typer.BadParameter("pipe audio into the command, or record with --mic", param_hint="stdin")
    with clear_errors(extra="io"):
        from a2k_nets.inference.pcm_source import open_microphone, open_pcm
        from a2k_nets.inference.streaming import StreamingGenerator
        from a2k_nets.residual.model import Audio2Keypoint
        from kp_io import annotate_image, load_keypoints
        from kp_io.formats import FORMATS

        from_picture = image.suffix.lower() not in FORMATS
        still = annotate_image(image, face=face) if from_picture else load_keypoints(image)
        generator = StreamingGenerator(
            still.keypoints[0, :, :2],
            Audio2Keypoint.from_pretrained(model, revision=revision, sha256=sha256),
            head_motion=head_motion,
            expression=expression,
            blink=blink,
            neutralize_mouth=from_picture if neutralize_mouth is None else neutralize_mouth,
            seed=seed,
        )
        source = open_microphone(rate=rate) if mic else open_pcm(sys.stdin.buffer, rate=rate)
        frame = -1
        for frame, points in enumerate(_frames(source, generator)):
            # Five decimals are more precise than float32 pixels of a face in a picture.
            rounded = points.double().round(decimals=5).tolist()
            line = {"frame": frame, "time_seconds": frame / generator.model.config.fps, "keypoints": rounded}
            typer.echo(json.dumps(line))
        if frame < 0:
            raise ValueError("expected audio on stdin, s16le or WAV, got none")


def _frames(source: "PcmSource", generator: "StreamingGenerator") -> Iterator["Tensor"]:
    """Yield the keypoints of each frame as soon as they are known."""
    from kp_io.media import Resampler

    resampler = Resampler(from_rate=source.rate, to_rate=generator.model.config.audio.sample_rate)
    for samples in source.chunks:
        yield from generator.push(resampler.push(samples))
    yield from generator.push(resampler.flush())
    yield from generator.flush()
