"""Audio-video offset of a clip, by correlating the predicted with the annotated lip motion."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that everybody uses

from a2k_nets.blocks.input_checks import check_inputs
from a2k_nets.blocks.similarity import split_pose
from a2k_nets.residual.model import Audio2Keypoint

#: Confidence from which an offset counts as known: `a2k sync --apply` corrects it, training filters on it.
CONFIDENT = 0.9

# Chosen among a few values, and _SAMPLES_PER_FRAME calibrated, on held-out speakers: docs/sync.md has the accuracy.
_AUTOREGRESSION = 0.5  # share of the last frame that is subtracted: lip noise is correlated over time
_SHRINKAGE_FRAMES = 75.0  # weight, in frames, of the prior that all lip coordinates are equally noisy
_SAMPLES_PER_FRAME = 4.5  # independent measurements in the 40 lip coordinates of a frame

_CHUNK_SECONDS = 60  # longer speech goes through the network in chunks, to bound the memory
_SILENCE = 1e-4  # -80 dB
_STILL = 1e-2  # of the standard deviation in the training data


@dataclass(frozen=True, slots=True)
class SyncOffset:
    """The offset between the audio and the video of a clip.

    Attributes:
        milliseconds: Positive where the audio is late, after the lips; negative where it is early.
        confidence: Probability, in [0, 1], that `milliseconds` is right to within one video frame.
        note: Why no offset could be measured (the confidence is then 0); empty otherwise.
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
    """Measure by how much the audio lags behind the face.

    The model predicts the lip motion for the audio. At each lag, in frames, the predicted motion is correlated with the
    annotated one where they overlap, after both are differenced and whitened. With Gaussian noise for what the model
    does not explain, n·log(1 - r²) is the log-likelihood of a lag; normalised over all lags, it gives the confidence. A
    parabola through the peak of r gives the fraction of a frame.

    Args:
        model: The network, preset `residual`.
        waveform: Mono speech in [-1, 1] at the model's sample rate, starting at the first frame.
        keypoints: Pixels, at the model's frame rate; the longer of waveform and keypoints is cut.
        max_offset_seconds: Largest offset in either direction, at most half the clip.

    Raises:
        ValueError: There is less than a second to compare, a shape does not fit, a value is not finite, or
            `max_offset_seconds` is less than two frames.

    Example:
        >>> model = Audio2Keypoint.from_pretrained()
        >>> face = model.normalizer.mean_face_px.expand(50, -1, -1)
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
    max_lag = min(round(max_offset_seconds * fps), num_frames // 2)
    if max_lag < 2:
        raise ValueError(f"expected max_offset_seconds of at least {2 / fps:g}, got {max_offset_seconds}")
    if float(waveform.abs().max()) < _SILENCE:
        return SyncOffset(0.0, 0.0, "silence")
    with torch.inference_mode():
        annotated, predicted = _lip_motion(model, waveform.to(keypoints), keypoints)
    if float(annotated.std(dim=0).mean()) < _STILL:
        return SyncOffset(0.0, 0.0, "the mouth does not move")
    annotated, predicted = (motion[1:] - _AUTOREGRESSION * motion[:-1] for motion in (annotated, predicted))
    whitening = _whitening(annotated)
    correlation, overlap = _correlate(predicted @ whitening, annotated @ whitening, max_lag)
    likelihood = -0.5 * _SAMPLES_PER_FRAME * overlap * torch.log1p(-correlation.clamp(0, 1 - 1e-6).square())
    probability = F.pad(likelihood.softmax(dim=0), (1, 1))
    peak = int(likelihood.argmax())
    lag = peak - max_lag + _parabola_peak(correlation, peak)
    confidence = min(1.0, float(probability[peak : peak + 3].sum()))
    return SyncOffset(1000 * lag / fps, confidence)


def _lip_motion(model: Audio2Keypoint, waveform: Tensor, keypoints: Tensor) -> tuple[Tensor, Tensor]:
    """Return the annotated and the predicted motion of the lips, `(T, 40)` each, float64."""
    config = model.config
    shape, _ = split_pose(
        keypoints[None], keypoints[:1], stable_points=config.stable_points, base_point=config.base_point
    )
    # The median face depends on no single frame: neither its mouth shape nor its noise.
    reference = shape.median(dim=1).values
    annotated, _ = model.normalizer.encode_motion(keypoints[None], reference)
    chunks = torch.split(waveform[None], _CHUNK_SECONDS * config.audio.sample_rate, dim=1)
    predicted = torch.cat([model.predict_motion(model.encode_audio(chunk), reference)[0] for chunk in chunks], dim=1)
    first, stop = config.lip_points
    annotated, predicted = (
        motion[0, : len(keypoints), first:stop].flatten(1).double().cpu() for motion in (annotated, predicted)
    )
    return annotated, predicted


def _whitening(motion: Float[Tensor, "t c"]) -> Float[Tensor, "c c"]:
    """Return the matrix that gives the lip motion unit variance in every direction."""
    centred = motion - motion.mean(dim=0)
    covariance = centred.T @ centred / len(centred)
    shrinkage = _SHRINKAGE_FRAMES / len(centred) * covariance.diagonal().mean()
    values, vectors = torch.linalg.eigh(covariance + shrinkage * torch.eye(len(covariance)).to(covariance))
    whitening: Tensor = vectors * values.rsqrt() @ vectors.T
    return whitening


def _correlate(
    predicted: Float[Tensor, "t c"], annotated: Float[Tensor, "t c"], max_lag: int
) -> tuple[Float[Tensor, " l"], Float[Tensor, " l"]]:
    """Return the correlation and the number of overlapping frames at each lag from -max_lag to max_lag."""
    count = len(annotated)
    correlation = []
    for lag in range(-max_lag, max_lag + 1):
        late = predicted[max(lag, 0) : count + min(lag, 0)]
        early = annotated[max(-lag, 0) : count - max(lag, 0)]
        late, early = late - late.mean(dim=0), early - early.mean(dim=0)
        correlation.append((late * early).sum() / (late.norm() * early.norm()).clamp(min=1e-9))
    overlap = count - torch.arange(-max_lag, max_lag + 1).abs()
    return torch.stack(correlation), overlap.to(annotated)


def _parabola_peak(values: Float[Tensor, " l"], peak: int) -> float:
    """Return the distance, in [-½, ½], from an inner peak to the top of the parabola through it and its neighbours."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    before, top, after = values[peak - 1 : peak + 2].tolist()
    curvature = before - 2 * top + after
    return max(-0.5, min(0.5, 0.5 * (before - after) / curvature)) if curvature < 0 else 0.0
