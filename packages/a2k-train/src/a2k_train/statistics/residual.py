"""What the normalizer must know of the training data."""

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets import Audio2Keypoint, ModelConfig
from a2k_nets.blocks import apply_similarity, fit_similarity
from a2k_train.data.clip import Clip
from a2k_train.statistics.blinks import fit_blinks

# The paper computes its statistics over the first 10,000 training sequences (section 4.5).
_MAX_CLIPS = 10_000

# Savitzky-Golay, five points, second order.
_SMOOTHING = (-3 / 35, 12 / 35, 17 / 35, 12 / 35, -3 / 35)


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
    model.head_motion.fit([_swaying(pose) for pose in poses])
    curve, per_frame = fit_blinks(clips)
    model.blinks.fit(curve, per_frame=per_frame)


@torch.no_grad()
def head_tracks(model: Audio2Keypoint, clips: list[Clip]) -> list[Float[Tensor, "_ 4"]]:
    """Return the heads' smoothed poses in clips, each about its own mean, as `HeadMotion.fit` takes them."""
    normalizer = model.normalizer
    poses = (normalizer.encode_motion(clip.keypoints[None], clip.keypoints[:1])[1][0] for clip in clips[:_MAX_CLIPS])
    return [_swaying(pose * normalizer.std_pose) for pose in poses]


def _swaying(pose: Float[Tensor, "t 4"]) -> Float[Tensor, "s 4"]:
    return smooth_track(pose - pose.mean(dim=0))


def smooth_track(track: Float[Tensor, "*b t 4"]) -> Float[Tensor, "*b s 4"]:
    """Return the track without most of the detector's jitter, shorter by four frames; less than five stay as they are.

    The filter is Savitzky and Golay's of five points and the second order: it leaves what a head does below 5 Hz, where
    a mean over as many frames would have its first zero.

    Example:
        >>> parabola = torch.arange(7.0)[:, None].square().expand(7, 4)
        >>> smooth_track(parabola)[:, 0].round(decimals=3)
        tensor([ 4.,  9., 16.])
    """
    if track.shape[-2] < len(_SMOOTHING):
        return track
    return track.unfold(-2, len(_SMOOTHING), 1) @ track.new_tensor(_SMOOTHING)
