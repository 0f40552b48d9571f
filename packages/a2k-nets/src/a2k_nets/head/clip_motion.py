"""Motion of head and brows in the keypoints of a clip, from which the style of a speaker is measured."""

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.blocks.input_checks import check_finite
from a2k_nets.head.brows import measure_brows, pose_free
from a2k_nets.head.mean_face import EYE_DISTANCE
from a2k_nets.head.space import lift

#: Frames that a clip needs for a style, two seconds: shorter ones say little of how much a person moves.
SHORTEST_STYLE = 50

# Scales are bounded from below, pixels a millimetre.
_SMALLEST = 1e-6

# Savitzky-Golay filter of five points and second order, which smoothed the motion that the network was trained on.
_SMOOTHING = (-3 / 35, 12 / 35, 17 / 35, 12 / 35, -3 / 35)


def clip_motion(keypoints: Float[Tensor, "t 68 2"]) -> Float[Tensor, "u 9"]:
    """Return the motion of head and brows around their mean, smoothed; two frames are lost at each end.

    Args:
        keypoints: `(T, 68, 2)` pixels, at the frame rate of the model.

    Returns:
        `(T - 4, 9)`: yaw, pitch, roll (radians), shift x and y (distances of the outer eye corners), log scale, height
        of the inner and outer brows, asymmetry of the inner ones (same unit).

    Raises:
        ValueError: There are fewer than 50 frames, another number of points, or values that are not finite.

    Example:
        >>> from a2k_nets.head.mean_face import mean_face_3d
        >>> clip_motion(mean_face_3d()[:, :2].float().expand(60, 68, 2)).shape
        torch.Size([56, 9])
    """
    if keypoints.ndim != 3 or keypoints.shape[1:] != (68, 2) or len(keypoints) < SHORTEST_STYLE:
        raise ValueError(
            f"expected a clip of at least {SHORTEST_STYLE} frames of 68 points as style, (T, 68, 2), got "
            f"{tuple(keypoints.shape)}"
        )
    check_finite(keypoints, "style")
    points = keypoints.double()
    poses = lift(points)
    scale = poses.scale.clamp(min=_SMALLEST)
    typical = scale.quantile(0.5)
    shift, brows = poses.origin / (EYE_DISTANCE * typical), measure_brows(pose_free(points, poses))
    motion = torch.cat((poses.angles, shift, (scale / typical).log()[:, None], brows), dim=1)
    smooth = motion.unfold(0, len(_SMOOTHING), 1) @ motion.new_tensor(_SMOOTHING)
    return (smooth - smooth.mean(dim=0)).to(keypoints.dtype)
