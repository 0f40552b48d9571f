"""How far sound and picture of a clip are apart, by when the lips move as the model hears them."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that everybody uses

from a2k_nets.blocks.input_checks import check_inputs
from a2k_nets.blocks.similarity import split_pose
from a2k_nets.residual.model import Audio2Keypoint

#: From this confidence on an offset is taken for true: corrected by `a2k sync --apply`, filtered on in training.
CONFIDENT = 0.9

# Chosen among a few values, and _EVIDENCE calibrated, on held-out speakers: docs/sync.md tells how well that holds.
_MEMORY = 0.5  # of the last frame, subtracted: lip noise goes on from frame to frame and would count twice
_SHRINKAGE_FRAMES = 75.0  # so many frames weigh as much as the belief that all lip coordinates are equally noisy
_EVIDENCE = 4.5  # independent measurements in a frame of 40 lip coordinates

_PIECE_SECONDS = 60  # longer speech goes through the network in pieces, for the memory's sake
_SILENCE = 1e-4  # -80 dB
_STILL = 1e-2  # of the movement in the training data


@dataclass(frozen=True, slots=True)
class SyncOffset:
    """How far the sound is from the picture.

    Attributes:
        milliseconds: Positive where the sound comes too late, after the lips; negative where it comes too early.
        confidence: Probability, in [0, 1], that `milliseconds` is right to one video frame.
        note: Why nothing could be measured (the confidence is then 0); empty otherwise.
    """

    milliseconds: float
    confidence: float
    note: str = ""

    @property
    def is_confident(self) -> bool:
        """Whether the confidence is at least `CONFIDENT`."""
        return self.confidence >= CONFIDENT


def measure_offset(
    model: Audio2Keypoint,
    waveform: Float[Tensor, " s"],
    keypoints: Float[Tensor, "t k 2"],
    *,
    max_offset_seconds: float = 0.6,
) -> SyncOffset:
    """Measure by how much speech lags behind the face that speaks it.

    The model says how the lips would move to this sound. For every lag within reach, in frames, the movement it
    predicts is correlated with the annotated one where the two overlap; both are differenced and whitened first. Taking
    what the model does not explain for Gaussian noise, n·log(1 - r²) is the log-likelihood of a lag: normalised over
    all lags it gives the confidence, and a parabola through the peak of r a fraction of a frame.

    Args:
        model: The network, preset `residual`.
        waveform: Mono speech in [-1, 1] at the model's sample rate, beginning with the first frame.
        keypoints: Pixels, at the model's frame rate; what is longer than the other, sound or face, is cut.
        max_offset_seconds: How far to look in either direction; in short clips no further than half their length.

    Raises:
        ValueError: There is less than a second of sound and face, a shape does not fit, a value is not finite, or the
            reach is less than two frames.

    Example:
        >>> model = Audio2Keypoint.from_pretrained()
        >>> face = (model.normalizer.mean_face * 60 + 112).expand(50, -1, -1)
        >>> measure_offset(model, torch.zeros(32_000), face)
        SyncOffset(milliseconds=0.0, confidence=0.0, note='silence')
    """
    fps = model.config.fps
    check_inputs(waveform[None], keypoints[:1], num_keypoints=model.config.num_keypoints, dimensions=2)
    num_frames = min(len(keypoints), model.config.num_frames(len(waveform)))
    keypoints = keypoints[:num_frames].to(model.normalizer.mean_face)
    if num_frames < fps:
        raise ValueError(f"expected at least 1 s of sound and face to compare, got {num_frames / fps:.2f} s")
    if not bool(torch.isfinite(keypoints).all()):
        raise ValueError("expected finite keypoints, got NaN or infinity")
    reach = min(round(max_offset_seconds * fps), num_frames // 2)
    if reach < 2:
        raise ValueError(f"expected max_offset_seconds of at least {2 / fps:g}, got {max_offset_seconds}")
    if float(waveform.abs().max()) < _SILENCE:
        return SyncOffset(0.0, 0.0, "silence")
    with torch.inference_mode():
        seen, heard = _lips(model, waveform.to(keypoints), keypoints)
    if float(seen.std(dim=0).mean()) < _STILL:
        return SyncOffset(0.0, 0.0, "the mouth does not move")
    seen, heard = seen[1:] - _MEMORY * seen[:-1], heard[1:] - _MEMORY * heard[:-1]
    whitening = _whitening(seen)
    correlation, overlap = _correlate(heard @ whitening, seen @ whitening, reach)
    likelihood = -0.5 * _EVIDENCE * overlap * torch.log1p(-correlation.clamp(0, 1 - 1e-6).square())
    probability = F.pad(likelihood.softmax(dim=0), (1, 1))
    peak = int(likelihood.argmax())
    lag = peak - reach + _parabola(correlation, peak)
    confidence = min(1.0, float(probability[peak : peak + 3].sum()))
    return SyncOffset(1000 * lag / fps, confidence)


def _lips(model: Audio2Keypoint, waveform: Tensor, keypoints: Tensor) -> tuple[Tensor, Tensor]:
    """Return the lips' movement as it is seen and as it is heard, `(T, 40)` each, float64."""
    config = model.config
    shape, _ = split_pose(
        keypoints[None], keypoints[:1], stable_points=config.stable_points, base_point=config.base_point
    )
    # The face's median has a mouth that belongs to no single moment, and no single frame's noise.
    reference = shape.median(dim=1).values
    seen, _ = model.normalizer.encode_motion(keypoints[None], reference)
    pieces = torch.split(waveform[None], _PIECE_SECONDS * config.audio.sample_rate, dim=1)
    heard = torch.cat([model.predict_motion(model.encode_audio(piece), reference)[0] for piece in pieces], dim=1)
    first, stop = config.lip_points
    seen, heard = (motion[0, : len(keypoints), first:stop].flatten(1).double().cpu() for motion in (seen, heard))
    return seen, heard


def _whitening(movement: Float[Tensor, "t c"]) -> Float[Tensor, "c c"]:
    """Return the matrix after which no direction of the lips' movement outweighs the others."""
    centred = movement - movement.mean(dim=0)
    covariance = centred.T @ centred / len(centred)
    shrinkage = _SHRINKAGE_FRAMES / len(centred) * covariance.diagonal().mean()
    values, vectors = torch.linalg.eigh(covariance + shrinkage * torch.eye(len(covariance)).to(covariance))
    whitening: Tensor = vectors * values.rsqrt() @ vectors.T
    return whitening


def _correlate(
    heard: Float[Tensor, "t c"], seen: Float[Tensor, "t c"], reach: int
) -> tuple[Float[Tensor, " l"], Float[Tensor, " l"]]:
    """Return for lags from -reach to reach the correlation where the two overlap, and for how many frames they do."""
    count = len(seen)
    correlation = []
    for lag in range(-reach, reach + 1):
        late, early = heard[max(lag, 0) : count + min(lag, 0)], seen[max(-lag, 0) : count - max(lag, 0)]
        late, early = late - late.mean(dim=0), early - early.mean(dim=0)
        correlation.append((late * early).sum() / (late.norm() * early.norm()).clamp(min=1e-9))
    overlap = count - torch.arange(-reach, reach + 1).abs()
    return torch.stack(correlation), overlap.to(seen)


def _parabola(values: Float[Tensor, " l"], peak: int) -> float:
    """Return how far from an inner peak the parabola through it and its neighbours has its top, in [-½, ½]."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    before, top, after = values[peak - 1 : peak + 2].tolist()
    bend = before - 2 * top + after
    return max(-0.5, min(0.5, 0.5 * (before - after) / bend)) if bend < 0 else 0.0
