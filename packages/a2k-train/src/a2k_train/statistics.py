"""What the normalizer must know of the training data."""

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.config import ModelConfig
from a2k_nets.model import Audio2Keypoint
from a2k_nets.pose import apply_similarity, fit_similarity
from a2k_train.blink_statistics import fit_blinks
from a2k_train.clips import Clip

__all__ = ["fit_statistics", "mean_face", "smooth_track"]

# The paper computes its statistics over the first 10,000 training sequences (section 4.5).
_MAX_CLIPS = 10_000


def mean_face(clips: list[Clip], config: ModelConfig) -> Float[Tensor, "k 2"]:
    """Return the mean face: upright, base point at the origin, inter-ocular distance 1.

    Every clip's mean shape is brought onto the current mean by its stable points, twice; the first guess is the first
    clip's.
    """
    stable = list(config.stable_points)
    shapes = torch.stack([clip.keypoints.mean(dim=0) for clip in clips])
    mean = shapes[0]
    for _ in range(3):
        aligned = apply_similarity(fit_similarity(shapes[:, stable], mean[stable].expand(len(shapes), -1, -1)), shapes)
        mean = _upright(aligned.mean(dim=0), config)
    return mean


def _upright(face: Float[Tensor, "k 2"], config: ModelConfig) -> Float[Tensor, "k 2"]:
    """Return the face with level outer eye corners one unit apart and the base point at the origin."""
    left, right = config.eye_corners
    eyes = face[[left, right]]
    upright = apply_similarity(fit_similarity(eyes, torch.tensor([[-0.5, 0.0], [0.5, 0.0]])), face)
    return upright - upright[config.base_point]


@torch.no_grad()
def fit_statistics(model: Audio2Keypoint, clips: list[Clip]) -> None:
    """Fit the model's normalizer, head motion and blinks to training clips."""
    clips = clips[:_MAX_CLIPS]
    normalizer = model.normalizer
    normalizer.set_statistics(mean_face=mean_face(clips, model.config))
    faces, expressions, poses, mels = [], [], [], []
    for clip in clips:
        reference = clip.keypoints[:1]
        faces.append(normalizer.canonicalize(clip.keypoints))
        expression, pose = normalizer.encode_motion(clip.keypoints[None], reference)
        expressions.append(expression[0] * normalizer.std_expression)
        poses.append(pose[0] * normalizer.std_pose)
        mels.append(model.log_mel(clip.waveform[None])[0])
    mel = torch.cat(mels, dim=1)
    normalizer.set_statistics(
        std_face=torch.cat(faces).std(dim=0),
        std_expression=torch.cat(expressions).std(dim=0),
        std_pose=torch.cat(poses).std(dim=0),
        mean_mel=mel.mean(dim=1),
        std_mel=mel.std(dim=1),
    )
    model.head_motion.fit([smooth_track(pose - pose.mean(dim=0)) for pose in poses])
    curve, per_frame = fit_blinks(clips)
    model.blinks.fit(curve, per_frame=per_frame)


def smooth_track(track: Float[Tensor, "*b t c"], frames: int = 5) -> Float[Tensor, "*b s c"]:
    """Return the track without the detector's jitter, a mean over a few frames; a shorter one as it is."""
    if track.shape[-2] < frames:
        return track
    return track.unfold(-2, frames, 1).mean(dim=-1)
