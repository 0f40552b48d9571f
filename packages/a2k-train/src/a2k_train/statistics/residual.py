"""Statistics of the `residual` preset's model: mean face, normalization, head motion, blinks."""

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets import Audio2Keypoint, ModelConfig
from a2k_nets.blocks import apply_similarity, fit_similarity
from a2k_train.data.clip import Clip
from a2k_train.statistics.blinks import fit_blinks
from a2k_train.statistics.faces import MAX_CLIPS

# Savitzky-Golay, five points, second order.
_SMOOTHING = (-3 / 35, 12 / 35, 17 / 35, 12 / 35, -3 / 35)


def mean_face(clips: list[Clip], config: ModelConfig) -> Float[Tensor, "k 2"]:
    """Return the mean face: upright, base point at the origin, inter-ocular distance 1.

    Starting from the first clip's mean shape, all clips' mean shapes are aligned to the current mean by their stable
    points and averaged, three times.
    """
    stable = list(config.stable_points)
    shapes = torch.stack([clip.keypoints.mean(dim=0) for clip in clips])
    mean = shapes[0]
    for _ in range(3):
        aligned = apply_similarity(fit_similarity(shapes[:, stable], mean[stable].expand(len(shapes), -1, -1)), shapes)
        mean = _upright(aligned.mean(dim=0), config)
    return mean


def _upright(face: Float[Tensor, "k 2"], config: ModelConfig) -> Float[Tensor, "k 2"]:
    """Return the face with the outer eye corners level and one unit apart, and the base point at the origin."""
    left, right = config.eye_corners
    eyes = face[[left, right]]
    upright = apply_similarity(fit_similarity(eyes, torch.tensor([[-0.5, 0.0], [0.5, 0.0]])), face)
    return upright - upright[config.base_point]


@torch.no_grad()
def fit_statistics(model: Audio2Keypoint, clips: list[Clip]) -> None:
    """Fit the model's normalizer, head motion and blinks to training clips."""
    clips = clips[:MAX_CLIPS]
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
    model.head_motion.fit([_head_track(pose) for pose in poses])
    curve, per_frame = fit_blinks(clips)
    model.blinks.fit(curve, per_frame=per_frame)


@torch.no_grad()
def head_tracks(model: Audio2Keypoint, clips: list[Clip]) -> list[Float[Tensor, "_ 4"]]:
    """Return the smoothed, centred head poses of clips, as `HeadMotion.fit` takes them."""
    normalizer = model.normalizer
    poses = (normalizer.encode_motion(clip.keypoints[None], clip.keypoints[:1])[1][0] for clip in clips[:MAX_CLIPS])
    return [_head_track(pose * normalizer.std_pose) for pose in poses]


def _head_track(pose: Float[Tensor, "t 4"]) -> Float[Tensor, "s 4"]:
    return smooth_track(pose - pose.mean(dim=0))


def smooth_track(track: Float[Tensor, "*b t 4"]) -> Float[Tensor, "*b s 4"]:
    """Reduce the detector's jitter in a track; the result is four frames shorter. Tracks under five frames are kept.

    The Savitzky-Golay filter of five points and second order preserves head motion below 5 Hz, where a mean over five
    frames has its first zero.

    Example:
        >>> parabola = torch.arange(7.0)[:, None].square().expand(7, 4)
        >>> smooth_track(parabola)[:, 0].round(decimals=3)
        tensor([ 4.,  9., 16.])
    """
    if track.shape[-2] < len(_SMOOTHING):
        return track
    return track.unfold(-2, len(_SMOOTHING), 1) @ track.new_tensor(_SMOOTHING)
