"""How far painted faces are from the truth."""

from typing import NamedTuple

from jaxtyping import Float
from kornia.metrics import ssim
from torch import Tensor
from torch.nn.functional import avg_pool2d

from kp_render.painting.mouth_crop import SIDE, round_cover, square
from kp_render.warp.sampling import smoothstep

#: Weight of the mouth above what is around it.
_MOUTH_WEIGHT = 4.0
#: Weights of the sums of absolute errors at the full side, a half and a quarter of it.
_SCALE_WEIGHTS = (1.0, 0.5, 0.5)
_EDGE_WEIGHT, _SSIM_WEIGHT = 1.0, 0.25
#: Weight of the unevenness of the shift, so that it does not tear.
_SMOOTH_WEIGHT = 2.0
_SSIM_WINDOW = 7


class PaintingScores(NamedTuple):
    """Mean absolute error and SSIM of painted faces, in the circle that may change and in the mouth, one for each."""

    circle_l1: Float[Tensor, " b"]
    mouth_l1: Float[Tensor, " b"]
    circle_ssim: Float[Tensor, " b"]
    mouth_ssim: Float[Tensor, " b"]


def mouth_map(keypoints: Float[Tensor, "b 68 2"]) -> Float[Tensor, "b 1 s s"]:
    """Return where a mouth is in the square, 0 to 1, with a soft rim; keypoints in pixels of the square."""
    lips = keypoints[:, 48:]
    width = (lips.amax(dim=1) - lips.amin(dim=1)).amax(dim=1).clamp(min=4)[:, None, None]
    middle = (lips.mean(dim=1) + 0.5) * (2 / SIDE) - 1
    away = (square(SIDE).to(keypoints) - middle[..., None, None]).norm(dim=1) * (SIDE / 2)
    return 1 - smoothstep(away / width, 0.55, 0.85)[:, None]


def painting_loss(
    painted: Float[Tensor, "b 3 s s"],
    truth: Float[Tensor, "b 3 s s"],
    shift: Float[Tensor, "b 2 s s"],
    keypoints: Float[Tensor, "b 68 2"],
) -> Float[Tensor, ""]:
    """Return what the training makes small: errors of colours at three scales, of edges and of structure.

    Args:
        painted: Faces in [0, 1].
        truth: Likewise.
        shift: The shift that the network chose, halves of the side of the square.
        keypoints: Of the truth, pixels of the square.
    """
    weight = round_cover().to(painted) * (1 + _MOUTH_WEIGHT * mouth_map(keypoints))
    weight = weight / weight.mean()
    loss: Tensor = (weight * (1 - ssim(painted, truth, _SSIM_WINDOW))).mean() * _SSIM_WEIGHT
    for across in (2, 3):
        steps = (painted - truth).diff(dim=across).abs() * weight.narrow(across, 1, SIDE - 1)
        loss = loss + _EDGE_WEIGHT * steps.mean()
        loss = loss + _SMOOTH_WEIGHT * shift.diff(dim=across).abs().mean()
    for level, scale_weight in enumerate(_SCALE_WEIGHTS):
        size = 2**level
        error = avg_pool2d(painted - truth, size).abs() * avg_pool2d(weight, size)
        loss = loss + scale_weight * error.mean()
    return loss


def score_painting(
    painted: Float[Tensor, "b 3 s s"], truth: Float[Tensor, "b 3 s s"], keypoints: Float[Tensor, "b 68 2"]
) -> PaintingScores:
    """Return the scores of painted faces."""
    error, alike = (painted - truth).abs(), ssim(painted, truth, _SSIM_WINDOW)
    circle, mouth = round_cover().to(painted).expand(len(painted), -1, -1, -1), mouth_map(keypoints)
    rows = [_mean(values, where) for values in (error, alike) for where in (circle, mouth)]
    return PaintingScores(*rows)


def _mean(values: Tensor, where: Tensor) -> Float[Tensor, " b"]:
    total: Tensor = (values.mean(dim=1, keepdim=True) * where).sum(dim=(1, 2, 3)) / where.sum(dim=(1, 2, 3))
    return total
