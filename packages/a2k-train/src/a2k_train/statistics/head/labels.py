"""Motion of head and brows in space as labels: nine numbers a frame, measured in the keypoints of a clip."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from a2k_train.data.clip import Clip
from kp_io import split_head_pose

#: What the columns of the labels are.
COMPONENTS = ("yaw", "pitch", "roll", "shift x", "shift y", "log scale", "inner brow", "outer brow", "brow asymmetry")

#: The columns of the head, and those of the brows.
HEAD, BROWS = slice(0, 6), slice(6, 9)

#: Factors of the columns for a face seen in a mirror.
MIRRORED = (-1.0, 1.0, -1.0, -1.0, 1.0, 1.0, 1.0, 1.0, -1.0)

#: Distance between the outer eye corners of the mean face, millimetres.
EYE_DISTANCE = 90.0

# iBUG-68: outer and inner part of the image-left brow, inner and outer part of the other; corners of the eyes.
_BROW_PARTS = ((17, 18, 19), (20, 21), (22, 23), (24, 25, 26))
_LEFT_EYE, _RIGHT_EYE = (36, 39), (42, 45)

#: Points of the Savitzky-Golay filter of second order that smooths the labels; it keeps head motion below 5 Hz.
_WINDOW = 5


@dataclass(frozen=True, slots=True, eq=False)
class HeadLabels:
    """Motion of head and brows in a clip.

    Attributes:
        motion: `(T, 9)`, the columns of `COMPONENTS`, relative to the mean of the measured frames: radians, with the
            signs of `kp_io.HeadPose`; shifts in distances of the outer eye corners, y down; natural logarithm of the
            scale; heights of the brows over the eyes in eye distances, up is positive.
        measured: `(T,)`, False where the detector lost the face, and the motion is that of the nearest measured frame.
    """

    motion: Float[Tensor, "t 9"]
    measured: Bool[Tensor, " t"]


def head_labels(clip: Clip) -> HeadLabels:
    """Measure the motion of head and brows in a clip, by a mean face in space.

    Raises:
        ValueError: The clip has fewer than five measured frames.
    """
    measured = clip.measured.cpu()
    if int(measured.sum()) < _WINDOW:
        raise ValueError(f"expected at least {_WINDOW} measured frames, got {int(measured.sum())} in {clip.id}")
    motion = smooth(measure_motion(clip.keypoints[..., :2].cpu()[_nearest_measured(measured)], measured))
    return HeadLabels((motion - motion[measured].mean(dim=0)).float(), measured)


def measure_motion(
    keypoints: Float[Tensor, "t k 2"], measured: Bool[Tensor, " t"] | None = None
) -> Float64[Tensor, "t 9"]:
    """Return pose and brows of every frame as the columns of `COMPONENTS`, not centred and not smoothed.

    Args:
        keypoints: `(T, 68, 2)` pixels.
        measured: Frames whose median scale is the unit of shift and scale; by default all.

    Example:
        >>> face = torch.rand(68, 2, generator=torch.Generator().manual_seed(0)) * 100
        >>> moved = torch.stack((face, 2 * face))
        >>> motion = measure_motion(moved)
        >>> (motion[1] - motion[0])[5].round(decimals=4)
        tensor(0.6931, dtype=torch.float64)
    """
    face, pose = split_head_pose(keypoints, method="mean-face")
    scale = pose.scale.clamp(min=1e-6)
    typical = scale.quantile(0.5) if measured is None else scale[measured].quantile(0.5)
    shift = pose.shift / (typical * EYE_DISTANCE)
    left, right = (face[:, list(eye), 1].mean(dim=1) for eye in (_LEFT_EYE, _RIGHT_EYE))
    outer_left, inner_left, inner_right, outer_right = (
        (eye - face[:, list(part), 1].mean(dim=1)) / EYE_DISTANCE
        for eye, part in zip((left, left, right, right), _BROW_PARTS, strict=True)
    )
    brows = ((inner_left + inner_right) / 2, (outer_left + outer_right) / 2, (inner_left - inner_right) / 2)
    return torch.cat((pose.angles, shift, (scale / typical).log()[:, None], torch.stack(brows, dim=1)), dim=1)


def smooth(track: Float[Tensor, "t c"]) -> Float[Tensor, "t c"]:
    """Return a track through a Savitzky-Golay filter of five points and second order, as long as before.

    The ends are those of the parabola through the first and the last five points. Tracks under five frames are kept.

    Example:
        >>> parabola = torch.arange(7.0)[:, None].square()
        >>> bool((smooth(parabola) - parabola).abs().max() < 1e-4)
        True
    """
    if len(track) < _WINDOW:
        return track
    time = torch.arange(_WINDOW, dtype=track.dtype) - _WINDOW // 2
    powers = torch.stack((torch.ones_like(time), time, time * time), dim=1)
    weights = (powers @ torch.linalg.inv(powers.T @ powers) @ powers.T).to(track.device)
    middle = _WINDOW // 2
    inner = track.unfold(0, _WINDOW, 1) @ weights[middle]
    return torch.cat((weights[:middle] @ track[:_WINDOW], inner, weights[middle + 1 :] @ track[-_WINDOW:]))


def _nearest_measured(measured: Bool[Tensor, " t"]) -> Tensor:
    """Return for each frame the index of the nearest measured one."""
    where = measured.nonzero().flatten()
    frames = torch.arange(len(measured))
    after = torch.searchsorted(where, frames).clamp(max=len(where) - 1)
    before = (after - 1).clamp(min=0)
    nearer = (frames - where[before]).abs() <= (where[after] - frames).abs()
    return torch.where(nearer, where[before], where[after])
