"""From a picture and speech to a keypoint sequence; with the command line the only place that knows kp_io."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.config.presets import preset_of
from a2k_nets.paper.model import PaperAudio2Keypoint
from a2k_nets.residual.model import Audio2Keypoint
from kp_io import KeypointSequence, annotate_image, read_audio, resample_fps


def generate_sequence(
    reference: Path | str | np.ndarray | KeypointSequence,
    audio: Path | str | Float[Tensor, " s"],
    *,
    model: Audio2Keypoint | PaperAudio2Keypoint | None = None,
    face: int = 0,
    head_motion: float = 1.0,
    expression: float = 1.0,
    blink: float = 1.0,
    rest_lips: bool | None = None,
    driving: KeypointSequence | None = None,
    seed: int = 0,
    device: str | torch.device = "cpu",
) -> KeypointSequence:
    """Let a face speak: generate the keypoints that go with speech, T = round(duration × fps) frames.

    Args:
        reference: A picture file, RGB pixels, or keypoints, whose first frame is taken.
        audio: An audio or video file, or a mono waveform in [-1, 1] at the model's sample rate.
        model: The network; by default the one that comes with the package.
        face: Which face of the picture, 0 being the largest.
        head_motion: Gain of the head's movement; 0 keeps it still.
        expression: Gain of the movement that the audio tells of lips, jaw, brows and lids.
        blink: How far a blink closes the lids; 0 for none.
        rest_lips: Whether lips that the reference holds open are a pose, a smile say, and come to rest when the
            sequence begins. By default they are in pictures, and are the middle of a word in keypoints of a video.
        driving: Keypoints of another sequence, whose head motion this head follows, back and forth if it is shorter,
            instead of one of its own.
        seed: Of the head's own motion and of the blinks: another seed gives others for the same speech.
        device: Where to compute: `cpu`, `cuda`, `mps`.

    Returns:
        Keypoints in the pixels of the picture.

    Raises:
        NoFaceFoundError: The picture shows no face.
        ValueError: The picture or the audio cannot be read, the audio is empty or not finite, or there is no such
            device.

    Example:
        >>> model = Audio2Keypoint.from_pretrained()
        >>> face = KeypointSequence(model.normalizer.mean_face[None] * 60 + 112, image_size=(224, 224))
        >>> generate_sequence(face, torch.zeros(16_000), model=model).keypoints.shape
        torch.Size([25, 68, 2])
    """
    model = (model or Audio2Keypoint.from_pretrained()).eval()
    try:
        model = model.to(device)
    except (AssertionError, RuntimeError) as error:  # torch asserts that it was built for a device
        raise ValueError(f"expected a device that torch finds here, e.g. cpu, got {device}: {error}") from error
    still = reference if isinstance(reference, KeypointSequence) else annotate_image(reference, face=face)
    sample_rate = model.config.audio.sample_rate
    waveform = audio if isinstance(audio, Tensor) else read_audio(audio, sample_rate=sample_rate)
    dimensions = model.config.dimensions if isinstance(model, PaperAudio2Keypoint) else 2
    scale = model.input_scale(still.keypoints[0], still.image_size[0])
    motion = None
    if driving is not None:
        motion = resample_fps(driving, model.config.fps).keypoints[None, :, :, :dimensions].to(device)
    with torch.inference_mode():
        keypoints = model(
            waveform[None].to(device),
            scale * still.keypoints[:1, :, :dimensions].to(device),
            head_motion=head_motion,
            expression=expression,
            blink=blink,
            rest_lips=not isinstance(reference, KeypointSequence) if rest_lips is None else rest_lips,
            driving=motion,
            generator=torch.Generator().manual_seed(seed),
        )
    return KeypointSequence(
        keypoints[0].cpu() / scale,
        fps=model.config.fps,
        image_size=still.image_size,
        detector=f"a2k-{preset_of(model.config)}",
    )
