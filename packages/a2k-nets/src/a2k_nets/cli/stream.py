"""The command `a2k stream`: keypoints as JSON lines while the audio is still coming in."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from a2k_nets.cli.console import clear_errors, on_device
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
)

if TYPE_CHECKING:
    from torch import Tensor

    from a2k_nets.inference.pcm_source import PcmSource
    from a2k_nets.inference.streaming import StreamingGenerator


def stream(
    image: Annotated[Path, typer.Option(help="Portrait, or a video or keypoint file whose first frame is used.")],
    rate: Annotated[int, typer.Option(min=1, help="Sample rate of raw PCM, in Hz; a WAV file has its own.")] = 16_000,
    mic: Annotated[bool, typer.Option("--mic", help="Record from the microphone (needs the extra `mic`).")] = False,
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
    seed: Seed = 0,
    model: Model = None,
    revision: Revision = None,
    sha256: Sha256 = None,
    device: Device = "cpu",
) -> None:
    """Generate keypoints in real time: sound on stdin, one line of JSON per frame on stdout.

    The sound is PCM (s16le, mono), WAV, or another file that can be decoded as it comes: MP3, FLAC, Ogg, WebM, AIFF, …

    ffmpeg -i talk.mp4 -f s16le -ac 1 -ar 16000 - | a2k stream --image face.png
    """
    if not mic and sys.stdin.isatty():
        raise typer.BadParameter("pipe audio into the command, or record with --mic", param_hint="stdin")
    with clear_errors(extra="io"):
        from a2k_nets.inference.pcm_source import open_microphone
        from a2k_nets.inference.streaming import StreamingGenerator
        from a2k_nets.residual.model import Audio2Keypoint
        from kp_io import annotate_image, load_keypoints, resample_fps
        from kp_io.formats import FORMATS
        from kp_io.media import is_video

        from_picture = image.suffix.lower() not in FORMATS
        still = annotate_image(image, face=face or 0) if from_picture else load_keypoints(image, face=face, track=track)
        network = on_device(Audio2Keypoint.from_pretrained(model, revision=revision, sha256=sha256), device)
        clip = None if style is None else resample_fps(load_keypoints(style), network.config.fps)
        generator = StreamingGenerator(
            still.keypoints[0, :, :2],
            network,
            head_motion=head_motion,
            expression=expression,
            blink=blink,
            turn=turn,
            nod=nod,
            tilt=tilt,
            brow=brow,
            style=None if clip is None else clip.keypoints[..., :2],
            neutralize_mouth=from_picture and not is_video(image) if neutralize_mouth is None else neutralize_mouth,
            seed=seed,
        )
        source = open_microphone(rate=rate) if mic else _open_input(rate)
        frame = -1
        for frame, points in enumerate(_frames(source, generator)):
            # Five decimals are more precise than float32 pixels of a face in a picture.
            rounded = points.double().round(decimals=5).tolist()
            line = {"frame": frame, "time_seconds": frame / generator.model.config.fps, "keypoints": rounded}
            typer.echo(json.dumps(line))
        if frame < 0:
            raise ValueError("expected audio on stdin, s16le or WAV, got none")


def _open_input(rate: int) -> "PcmSource":
    """Open stdin: raw samples, a 16-bit WAV, or a file of another kind that kp-io decodes as it comes."""
    import torch

    from a2k_nets.inference.pcm_source import PcmSource, open_pcm
    from kp_io.media import SoundPipe, open_pipe, wav_mixer

    def make_mix(channels: int, mask: int, rate: int) -> "Callable[[Tensor], Tensor]":
        mix = wav_mixer(channels, mask=mask, rate=rate, name="the input")
        return lambda samples: torch.from_numpy(mix(samples.T.numpy()))

    pipe = open_pipe(sys.stdin.buffer)
    return PcmSource(*pipe) if isinstance(pipe, SoundPipe) else open_pcm(pipe, rate=rate, make_mix=make_mix)


def _frames(source: "PcmSource", generator: "StreamingGenerator") -> Iterator["Tensor"]:
    """Yield the keypoints of each frame as soon as they are known."""
    from kp_io.media import Resampler

    resampler = Resampler(from_rate=source.rate, to_rate=generator.model.config.audio.sample_rate)
    for samples in source.chunks:
        yield from generator.push(resampler.push(samples))
    yield from generator.push(resampler.flush())
    yield from generator.flush()
