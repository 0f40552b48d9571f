"""Statistics of the `residual` preset's model: mean face, normalization, head motion, blinks."""

from collections.abc import Iterable
from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets import Audio2Keypoint, ModelConfig
from a2k_nets.blocks import apply_similarity, fit_similarity
from a2k_nets.config import MotionConfig
from a2k_train.data.clip import Clip
from a2k_train.statistics.blinks import find_blinks, typical_blink
from a2k_train.statistics.canonical_faces import CanonicalFaces
from a2k_train.statistics.clip_motion import ClipMotion
from a2k_train.statistics.faces import MAX_CLIPS
from a2k_train.statistics.head_tracks import measured_tracks
from a2k_train.statistics.running import RunningMoments
from kp_metrics import eye_aspect_ratio


def mean_face(clips: Iterable[Clip], config: MotionConfig) -> Float[Tensor, "k 2"]:
    """Return the mean face: upright, base point at the origin, inter-ocular distance 1; of measured frames only."""
    return _mean_of(torch.stack([_mean_shape(clip) for clip in clips if bool(clip.measured.any())]), config)


def _mean_shape(clip: Clip) -> Float[Tensor, "k 2"]:
    measured = clip.keypoints if bool(clip.measured.all()) else clip.keypoints[clip.measured]
    return measured.cpu().mean(dim=0)


def _mean_of(shapes: Float[Tensor, "c k 2"], config: MotionConfig) -> Float[Tensor, "k 2"]:
    """Return the mean face of the mean shape of each clip.

    Starting from the first shape, all are aligned to the current mean by their stable points and averaged, three times.
    """
    stable = list(config.stable_points)
    mean = shapes[0]
    for _ in range(3):
        aligned = apply_similarity(fit_similarity(shapes[:, stable], mean[stable].expand(len(shapes), -1, -1)), shapes)
        mean = _upright(aligned.mean(dim=0), config)
    return mean


def _upright(face: Float[Tensor, "k 2"], config: MotionConfig) -> Float[Tensor, "k 2"]:
    """Return the face with the outer eye corners level and one unit apart, and the base point at the origin."""
    left, right = config.eye_corners
    eyes = face[[left, right]]
    upright = apply_similarity(fit_similarity(eyes, torch.tensor([[-0.5, 0.0], [0.5, 0.0]])), face)
    return upright - upright[config.base_point]


@torch.no_grad()
def fit_statistics(model: Audio2Keypoint, clips: Iterable[Clip]) -> None:
    """Fit the model's normalizer, head motion and blinks to the first 10,000 training clips.

    Each clip is read once and not kept, so that the memory hardly grows with the corpus. Frames without a measured face
    count for the sound only. Model and clips may be on different devices.

    Raises:
        ValueError: No clip has a measured face, or there is too little head motion to fit.
    """
    normalizer, config = model.normalizer, model.config
    device = normalizer.mean_face.device
    mel, faces, motion = RunningMoments(), CanonicalFaces(config.stable_points), ClipMotion(config)
    shapes, blinks, frames = [], [], 0
    for clip in islice(clips, MAX_CLIPS):
        if isinstance(config, ModelConfig):
            mel.add(model.log_mel(clip.waveform[None].to(device))[0].T)
        keypoints, measured = clip.keypoints.cpu(), clip.measured.cpu()
        if not bool(measured.any()):
            continue
        shapes.append(_mean_shape(clip))
        faces.add(keypoints[measured])
        motion.add(keypoints, measured)
        blinks += find_blinks(eye_aspect_ratio(keypoints), measured)
        frames += int(measured.sum())
    if not shapes:
        raise ValueError("expected training clips with a measured face, got none")
    face = _mean_of(torch.stack(shapes), config)
    normalizer.set_statistics(mean_face=face)
    to_canonical = normalizer.to_canonical(motion.references.to(device)).cpu()
    std_expression, std_pose = motion.std(to_canonical)
    statistics = {
        "std_face": faces.std(normalizer.mean_face),
        "std_expression": std_expression,
        "std_pose": std_pose,
    }
    if isinstance(config, ModelConfig):
        statistics |= {"mean_mel": mel.mean, "std_mel": mel.std}
    normalizer.set_statistics(**{name: value.float() for name, value in statistics.items()})
    model.head_motion.fit(motion.head_tracks(to_canonical))
    curve, per_frame = typical_blink(blinks, frames)
    model.blinks.fit(curve, per_frame=per_frame)


@torch.no_grad()
def head_tracks(model: Audio2Keypoint, clips: Iterable[Clip]) -> list[Float[Tensor, "_ 4"]]:
    """Return the smoothed, centred head poses of the measured frames of clips, as `HeadMotion.fit` takes them."""
    normalizer, tracks = model.normalizer, []
    device = normalizer.mean_face.device
    for clip in islice(clips, MAX_CLIPS):
        measured = clip.measured.to(device)
        if not bool(measured.any()):
            continue
        keypoints = clip.keypoints.to(device)
        reference = keypoints[int(measured.int().argmax()), None]
        pose = normalizer.encode_motion(keypoints[None], reference)[1][0] * normalizer.std_pose
        tracks += [track.cpu() for track in measured_tracks(pose, measured)]
    return tracks
