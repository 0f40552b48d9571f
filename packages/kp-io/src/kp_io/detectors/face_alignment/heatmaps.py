"""Predict heatmaps from crops, and find their peaks with sub-cell precision."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from kp_io.keypoints.layout import IBUG68

# Neighbours are clamped to at least this share of the peak: logarithms of noise around zero are meaningless.
_FLOOR = 1e-3
_ROWS = (0.25, 0.5, 0.25)


def predict_heatmaps(
    network: nn.Module, crops: Float[Tensor, "b 3 256 256"], *, flip: bool
) -> Float[Tensor, "b 68 64 64"]:
    """Run FAN over crops and return the heatmaps of its last stack.

    Args:
        network: FAN.
        crops: Values in [0, 1], with the network's dtype and on its device.
        flip: Whether to average with the heatmaps of mirrored crops, in one batch of 2 B. The library adds both, so its
            values and scores are twice as large; the peak positions are the same.
    """
    stacks: list[Tensor] = network(torch.cat((crops, crops.flip(-1))) if flip else crops)
    heatmaps = stacks[-1].float()
    if not flip:
        return heatmaps
    straight, mirrored = heatmaps.chunk(2)
    return (straight + mirrored[:, list(IBUG68.mirror)].flip(-1)) / 2


def find_peaks(heatmaps: Float[Tensor, "b k h w"]) -> tuple[Float[Tensor, "b k 2"], Float[Tensor, "b k"]]:
    """Return the position of each heatmap's peak, x and y in cells with whole numbers at centres, and its value.

    The peak of the quadric through the logarithms of the highest cell and its eight neighbours is exact for a Gaussian
    of any width, isotropic or not. It is limited to one cell from the highest one. Nothing leaves the device.

    Example:
        >>> x = torch.arange(64.0)
        >>> gaussian = torch.exp(-((x - 30.3) ** 2 + (x[:, None] - 20.2) ** 2) / 8)
        >>> points, scores = find_peaks(gaussian[None, None])
        >>> points
        tensor([[[30.3000, 20.2000]]])
    """
    height, width = heatmaps.shape[-2:]
    flat = heatmaps.flatten(2)
    peak, index = flat.max(dim=-1)
    highest = torch.stack((index % width, index // width), dim=-1)
    # At an edge, use the neighbourhood of the nearest inner cell.
    centre = torch.stack((highest[..., 0].clamp(1, width - 2), highest[..., 1].clamp(1, height - 2)), dim=-1)
    steps = torch.arange(-1, 2, device=heatmaps.device)
    around = (centre[..., 1, None, None] + steps[:, None]) * width + centre[..., 0, None, None] + steps
    values = flat.gather(-1, around.flatten(-2)).reshape(around.shape)
    logs = (values / peak.clamp(min=1e-12)[..., None, None]).clamp(min=_FLOOR).log()

    weights = logs.new_tensor(_ROWS)
    slope_x = (logs[..., 2] - logs[..., 0]) @ weights / 2
    slope_y = (logs[..., 2, :] - logs[..., 0, :]) @ weights / 2
    curve_x = (logs[..., 2] + logs[..., 0] - 2 * logs[..., 1]) @ weights
    curve_y = (logs[..., 2, :] + logs[..., 0, :] - 2 * logs[..., 1, :]) @ weights
    cross = (logs[..., 2, 2] + logs[..., 0, 0] - logs[..., 0, 2] - logs[..., 2, 0]) / 4
    determinant = curve_x * curve_y - cross**2
    is_peak = (determinant > 0) & (curve_x < 0)  # otherwise use the highest cell itself
    determinant = determinant.where(is_peak, 1.0)
    offset = torch.stack((cross * slope_y - curve_y * slope_x, cross * slope_x - curve_x * slope_y), dim=-1)
    points = (centre + offset / determinant[..., None]).where(is_peak[..., None], highest.to(logs.dtype))
    return torch.clamp(points, highest - 1, highest + 1), peak
