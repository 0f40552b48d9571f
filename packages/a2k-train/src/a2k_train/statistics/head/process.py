"""Statistics of the network of the head: size and dynamics of real motion, styles, and the sound that it hears."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2k_nets.head import SAMPLES_PER_FRAME, WINDOW, HeadNetwork, SpeechFeatures
from a2k_train.data.clip import Clip
from a2k_train.statistics.blinks import fit_blink_times, lid_closing
from a2k_train.statistics.head.labels import head_labels
from kp_metrics import frame_loudness, silent_frames

#: Clips of fewer frames are left out.
SHORTEST = 50

# Lengths, in frames, between which the growth of the motion with a clip's length is measured.
_SHORT, _LONG = 50, 150

_MIN_STD = 1e-4

# Bound of motion over its unit and style; labels beyond it are errors of the detector.
_LARGEST = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class HeadClip:
    """Labels of the motion in a clip, and the sound that its frames hear.

    Attributes:
        id: Name of the clip.
        speaker: Name of the speaker.
        samples: `(S,)`, the sound under the frames' Fourier windows, as `SpeechFeatures.forward` takes it.
        motion: `(T, 9)`, see `HeadLabels`.
        measured: `(T,)`, False where the detector lost the face.
        closing: `(T,)`, the share by which the lids are closed, see `lid_closing`.
        silent: `(T,)`, the frames in pauses of speech, see `kp_metrics.silent_frames`.
    """

    id: str
    speaker: str
    samples: Float[Tensor, " s"]
    motion: Float[Tensor, "t 9"]
    measured: Bool[Tensor, " t"]
    closing: Float[Tensor, " t"]
    silent: Bool[Tensor, " t"]


def head_clips(clips: Sequence[Clip], features: SpeechFeatures) -> list[HeadClip]:
    """Measure the motion in clips; those of fewer than 50 measured frames are left out."""
    found = []
    for clip in clips:
        if int(clip.measured.sum()) >= SHORTEST:
            labels = head_labels(clip)
            waveform = clip.waveform.cpu()
            samples = frame_samples(waveform, clip.num_frames, features)
            closing = lid_closing(clip.keypoints[..., :2])
            silent = silent_frames(frame_loudness(waveform, num_frames=clip.num_frames))
            found.append(HeadClip(clip.id, clip.speaker, samples, labels.motion, labels.measured, closing, silent))
    return found


def frame_samples(waveform: Float[Tensor, " s"], frames: int, features: SpeechFeatures) -> Float[Tensor, " n"]:
    """Return the sound that the frames of a recording hear, with silence after its end."""
    length = (frames - 1) * SAMPLES_PER_FRAME + WINDOW
    after = waveform[features.offset : features.offset + length]
    return torch.nn.functional.pad(after, (0, length - len(after)))


@torch.no_grad()
def fit_process(network: HeadNetwork, clips: Sequence[HeadClip]) -> None:
    """Set what the network knows of its training clips beside its weights: bands, unit, dynamics, styles, blinks.

    The dynamics are fitted by least squares to motion over its unit and style, so that no restless head rules.

    Raises:
        ValueError: There are too few clips, or the dynamics do not return to rest.
    """
    if sum(len(clip.motion) for clip in clips) < 1_000:
        raise ValueError("expected at least 1000 frames of training clips for the head, got fewer")
    sums, counts = zip(*(network.features.mean_bands(clip.samples[None]) for clip in clips), strict=True)
    network.features.typical_bands.copy_(torch.cat(sums).sum(dim=0) / torch.cat(counts).sum())
    speech = torch.cat([hear(network, clip) for clip in clips])
    network.speech_mean.copy_(speech.mean(dim=0))
    network.speech_std.copy_(speech.std(dim=0) + 1e-3)
    network.growth.copy_(_growth(clips))
    logs = [deviations(clip.motion).log() - network.growth * length_log(len(clip.motion)) for clip in clips]
    network.unit.copy_(torch.stack(logs).mean(dim=0).exp())
    _fit_dynamics(network, [normalized_motion(network, clip).double() for clip in clips])
    network.styles.copy_(_styles(network, clips))
    fit_blink_times(network.blinks, [(clip.closing, clip.measured) for clip in clips])


def hear(network: HeadNetwork, clip: HeadClip) -> Float[Tensor, "t c"]:
    """Return the features of a clip's sound, not normalised."""
    features: Tensor = network.features(clip.samples[None], network.features.begin(1))[0].float()
    return features


def normalized_motion(network: HeadNetwork, clip: HeadClip) -> Float[Tensor, "t 9"]:
    """Return a clip's motion over unit and style."""
    return (clip.motion / network.scale(network.log_gains(clip.motion))).clamp(-_LARGEST, _LARGEST)


def length_log(frames: int) -> float:
    """Return the logarithm of a clip's length over that for which the unit is typical, as `HeadNetwork.log_gains`."""
    return math.log(min(frames, 300) / 100)


def speaker_weights(clips: Sequence[HeadClip]) -> Float[Tensor, " c"]:
    """Return the weight of each clip: its length, over the root of its speaker's footage."""
    footage: Counter[str] = Counter()
    for clip in clips:
        footage[clip.speaker] += len(clip.motion)
    return torch.tensor([len(clip.motion) / footage[clip.speaker] ** 0.5 for clip in clips])


def _growth(clips: Sequence[HeadClip]) -> Float[Tensor, " 9"]:
    """Return the power of a window's length with which deviations grow, measured inside of long clips."""
    ratios = [
        deviations(window).log() - _mean_log(torch.split(window, _SHORT))
        for clip in clips
        for window in torch.split(clip.motion, _LONG)
        if len(window) == _LONG
    ]
    if not ratios:
        return torch.zeros(9)
    return (torch.stack(ratios).mean(dim=0) / math.log(_LONG / _SHORT)).clamp(0, 1)


def _fit_dynamics(network: HeadNetwork, tracks: list[Tensor]) -> None:
    past = torch.cat([torch.cat((x[1:-1], x[:-2]), dim=1) for x in tracks])
    future = torch.cat([x[2:] for x in tracks])
    ridge = 1e-6 * len(past) * torch.eye(past.shape[1], dtype=past.dtype)
    solution = torch.linalg.solve(past.T @ past + ridge, past.T @ future)
    first, second = solution.T[:, :9], solution.T[:, 9:]
    companion = torch.cat((torch.cat((first, second), dim=1), torch.eye(18, dtype=past.dtype)[:9]))
    radius = float(torch.linalg.eigvals(companion).abs().max())
    if radius >= 1:
        raise ValueError(f"expected head motion that returns to rest, got a spectral radius of {radius:.4f}")
    rest = future - past @ solution
    covariance = rest.T @ rest / len(rest) + 1e-9 * torch.eye(9, dtype=past.dtype)
    network.coefficients.copy_(torch.stack((first, second)))
    network.noise.copy_(torch.linalg.cholesky(covariance))


def _styles(network: HeadNetwork, clips: Sequence[HeadClip]) -> Float[Tensor, "n 3"]:
    """Return a table of styles from still to restless: the mean of all speakers, and deviations as between takes.

    People differ much more than takes of one person. As a draw of each seed, that would be another temper, not another
    take.
    """
    takes: dict[str, list[Tensor]] = {}
    for clip in clips:
        takes.setdefault(clip.speaker, []).append(network.log_gains(clip.motion))
    gains = [torch.stack(found) for found in takes.values()]
    means = torch.stack([found.mean(dim=0) for found in gains])
    squares = torch.cat([(found - found.mean(dim=0)).square() for found in gains]).sum(dim=0)
    deviation = (squares / max(1, len(clips) - len(gains))).sqrt()
    # Rotation, shift and brows of a restless take are large together.
    normal: Tensor = torch.special.ndtri((torch.arange(len(network.styles)) + 0.5) / len(network.styles))
    return means.mean(dim=0) + deviation * normal[:, None]


def _mean_log(parts: Sequence[Float[Tensor, "_ c"]]) -> Float[Tensor, " c"]:
    return torch.stack([deviations(part).log() for part in parts]).mean(dim=0)


def deviations(track: Float[Tensor, "t c"]) -> Float[Tensor, " c"]:
    """Return the standard deviation of each column, not below a small positive number."""
    return track.std(dim=0).clamp(min=_MIN_STD)
