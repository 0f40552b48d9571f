"""`a2k stream`: keypoints as lines of JSON while the sound still comes."""

import json
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from a2k_nets.cli.options import Blink, Expression, Face, HeadMotion, RestLips, Revision, Seed, Sha256, Weights

if TYPE_CHECKING:
    from torch import Tensor

    from a2k_nets.inference.pcm_source import PcmSource
    from a2k_nets.inference.streaming import StreamingGenerator


def stream(
    image: Annotated[Path, typer.Option(help="Portrait, or a keypoint file whose first frame is taken.")],
    rate: Annotated[int, typer.Option(min=1, help="Samples a second of raw sound; a WAV tells its own.")] = 16_000,
    mic: Annotated[bool, typer.Option("--mic", help="Listen to the microphone (needs the extra `mic`).")] = False,
    face: Face = 0,
    head_motion: HeadMotion = 1.0,
    expression: Expression = 1.0,
    blink: Blink = 1.0,
    rest_lips: RestLips = None,
    seed: Seed = 0,
    model: Weights = None,
    revision: Revision = None,
    sha256: Sha256 = None,
) -> None:
    """Let a face speak while the sound comes in: PCM (s16le, mono) or WAV on stdin, one line of JSON a frame out.

    ffmpeg -i talk.mp4 -f s16le -ac 1 -ar 16000 - | a2k stream --image face.png
    """
    if not mic and sys.stdin.isatty():
        raise typer.BadParameter("pipe sound into the command, or listen with --mic", param_hint="stdin")
    if find_spec("kp_io") is None:
        typer.secho('error: the command needs kp-io: `pip install "a2k-nets[io]"`', err=True, fg=typer.colors.RED)
        raise typer.Exit(1)
    try:
        from a2k_nets.inference.microphone import open_microphone
        from a2k_nets.inference.pcm_source import open_pcm
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
            rest_lips=from_picture if rest_lips is None else rest_lips,
            seed=seed,
        )
        source = open_microphone(rate=rate) if mic else open_pcm(sys.stdin.buffer, rate=rate)
        _speak(source, generator)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BrokenPipeError:
        # Who reads has seen enough; what is still buffered would fail once more at the end of the program.
        _forget(sys.stdout.buffer)
        raise typer.Exit(1) from None
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        typer.secho(f"error: {' '.join(str(error).split())}", err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None


def _speak(source: "PcmSource", generator: "StreamingGenerator") -> None:
    """Write a line for each frame as it comes."""
    frame = 0
    for keypoints in _keypoints(source, generator):
        # Five decimals tell more than float32 does of a face in a picture.
        for points in keypoints.double().round(decimals=5).tolist():
            line = {"frame": frame, "time_seconds": frame / generator.model.config.fps, "keypoints": points}
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
            frame += 1
    if not frame:
        raise ValueError("expected sound on stdin, s16le or WAV, got none")


def _keypoints(source: "PcmSource", generator: "StreamingGenerator") -> Iterator["Tensor"]:
    from kp_io.media import Resampler

    resampler = Resampler(from_rate=source.rate, to_rate=generator.model.config.audio.sample_rate)
    for samples in source.pieces:
        yield generator.push(resampler.push(samples))
    yield generator.push(resampler.flush())
    yield generator.flush()


def _forget(output: BinaryIO) -> None:
    """Let what is written from now on go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, output.fileno())
    os.close(nowhere)
