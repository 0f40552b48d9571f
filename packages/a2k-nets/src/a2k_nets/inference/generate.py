"""From a picture and speech to a keypoint sequence, as files or in memory."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.config.presets import preset_of
from a2k_nets.config.renamed import accept_renamed
from a2k_nets.paper.model import PaperAudio2Keypoint
from a2k_nets.pretrained import AnyModel, load_model
from a2k_nets.residual.model import Audio2Keypoint
from kp_io import IBUG68, KeypointSequence, annotate_image, resample_fps
from kp_io.media import is_video, read_audio_blocks

# Audio files go through the network in chunks of this length, and each is freed after its use.
_CHUNK_SECONDS = 20


@accept_renamed(rest_lips="neutralize_mouth")
def generate_sequence(
    reference: Path | str | np.ndarray | KeypointSequence,
    audio: Path | str | Float[Tensor, " s"],
    *,
    model: AnyModel | None = None,
    face: int = 0,
    head_motion: float = 1.0,
    expression: float = 1.0,
    blink: float = 1.0,
    turn: float = 1.0,
    nod: float = 1.0,
    tilt: float = 1.0,
    brow: float = 1.0,
    neutralize_mouth: bool | None = None,
    style: KeypointSequence | None = None,
    driving: KeypointSequence | None = None,
    seed: int = 0,
    device: str | torch.device | None = None,
) -> KeypointSequence:
    """Generate the keypoints of a face that speaks the audio, T = round(duration × fps) frames.

    Args:
        reference: A picture file, RGB pixels, or a video or keypoints, of which the first frame is used.
        audio: An audio or video file, whose sound begins with the first video frame if there is one, or a mono
            waveform in [-1, 1] at the model's sample rate.
        model: The network; by default `listener` in the package.
        face: Index of the face in the picture; 0 is the largest.
        head_motion: Gain of the head motion; 0 keeps the head still.
        expression: Gain of the predicted motion of lips, jaw, brows and eyelids.
        blink: How far a blink closes the eyelids; 0 for no blinks.
        turn: Gain of turns to the sides; a model whose head moves in the plane of the picture has none, as of `nod`.
        nod: Gain of nodding.
        tilt: Gain of tilts to the shoulders.
        brow: Gain of the motion of the brows.
        neutralize_mouth: Whether open lips of the reference are a pose, e.g. a smile, and close when the sequence
            begins. True by default for pictures; a video or keypoints may begin in the middle of a word.
        style: Keypoints of a clip of at least 2 s; head and brows move as much as there.
        driving: Keypoints of another sequence to take the head motion from, played back and forth if it is shorter.
        seed: Random seed of the generated head motion and the blinks.
        device: Where to compute: `cpu`, `cuda`, `mps`; by default where the model is. The given model is not moved.

    Returns:
        Keypoints in the pixels of the picture.

    Raises:
        NoFaceFoundError: There is no face in the picture.
        ValueError: The picture or the audio cannot be read, the audio is empty or not finite, there is no such device,
            the model lacks an option, or the face in the picture is turned to a side by more than 60°.

    Example:
        >>> model = Audio2Keypoint.from_pretrained()
        >>> face = KeypointSequence(model.normalizer.mean_face_px[None], image_size=(224, 224))
        >>> generate_sequence(face, torch.zeros(16_000), model=model).keypoints.shape
        torch.Size([25, 68, 2])
    """
    model = _ready(model or load_model(), device)
    device = next(model.parameters()).device
    still = reference if isinstance(reference, KeypointSequence) else annotate_image(reference, face=face)
    if neutralize_mouth is None:
        is_from_video = isinstance(reference, Path | str) and is_video(reference)
        neutralize_mouth = not (is_from_video or isinstance(reference, KeypointSequence))
    sample_rate = model.config.audio.sample_rate
    blocks = (
        [audio] if isinstance(audio, Tensor) else read_audio_blocks(audio, sample_rate=sample_rate, align_to_video=True)
    )
    dimensions = model.config.dimensions if isinstance(model, PaperAudio2Keypoint) else 2
    scale = model.input_scale(still.keypoints[0], still.image_size[0])
    driven = None if driving is None else _motion_of(driving, "driving", model.config.fps)[None, :, :, :dimensions]
    options: dict[str, Any] = {
        "head_motion": head_motion,
        "expression": expression,
        "blink": blink,
        "neutralize_mouth": neutralize_mouth,
        "driving": None if driven is None else driven.to(device),
        "generator": torch.Generator().manual_seed(seed),
    }
    controls: dict[str, Any] = {"turn": turn, "nod": nod, "tilt": tilt, "brow": brow}
    if isinstance(model, Audio2Keypoint):
        options |= controls
        if style is not None:
            options["style"] = _motion_of(style, "style", model.config.fps)[..., :2].to(device)
    elif style is not None or any(gain != 1 for gain in controls.values()):
        raise ValueError("expected a model of the presets listener or residual for turn, nod, tilt, brow and style")
    face_points = scale * still.keypoints[:1, :, :dimensions].to(device)
    with torch.inference_mode():
        if isinstance(model, Audio2Keypoint) and not isinstance(audio, Tensor):
            chunks = _split_blocks(blocks, _CHUNK_SECONDS * sample_rate)
            keypoints = model.forward_chunks((chunk[None].to(device) for chunk in chunks), face_points, **options)
        else:
            keypoints = model(torch.cat(blocks)[None].to(device), face_points, **options)
    return KeypointSequence(
        keypoints[0].cpu() / scale if scale != 1 else keypoints[0].cpu(),
        fps=model.config.fps,
        image_size=still.image_size,
        detector=f"a2k-{preset_of(model.config)}",
    )


def _split_blocks(blocks: list[Tensor], length: int) -> Iterator[Tensor]:
    """Yield pieces of up to `length` samples, and empty the list, so that each block can be freed."""
    blocks.reverse()
    while blocks:
        yield from torch.split(blocks.pop(), length)


def _motion_of(sequence: KeypointSequence, name: str, fps: float) -> Float[Tensor, "t k d"]:
    """Return the keypoints of a driving sequence or of a style at the model's frame rate.

    Raises:
        ValueError: They have another layout than iBUG-68.
    """
    if sequence.layout.name != IBUG68.name:
        raise ValueError(
            f"expected {name} keypoints of the layout {IBUG68.name}, got {sequence.layout.name}; annotate its video "
            "with another detector"
        )
    return resample_fps(sequence, fps).keypoints


def _ready(model: AnyModel, device: str | torch.device | None) -> AnyModel:
    """Return the model on a device and in eval mode: itself if it is, otherwise a copy; it stays as it is.

    Raises:
        ValueError: There is no such device.
    """
    own = next(model.parameters()).device
    try:
        wanted = own if device is None else torch.empty(0, device=device).device
        return copy.deepcopy(model).to(wanted).eval() if wanted != own or model.training else model
    except (AssertionError, RuntimeError) as error:  # torch asserts that it was built with support for the device
        raise ValueError(f"expected a device that torch finds here, e.g. cpu, got {device}: {error}") from error
