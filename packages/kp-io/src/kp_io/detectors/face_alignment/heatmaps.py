"""From crops to heatmaps, and from heatmaps to points between their cells."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from kp_io.keypoints.layout import IBUG68

# How far below the peak a neighbour may count, as a share of it: logarithms of noise around zero say nothing.
_FLOOR = 1e-3
_ROWS = (0.25, 0.5, 0.25)


def draw_heatmaps(
    network: nn.Module, crops: Float[Tensor, "b 3 256 256"], *, flip: bool
) -> Float[Tensor, "b 68 64 64"]:
    """Run FAN over crops and return the heatmaps of its last stack.

    Args:
        network: FAN.
        crops: Values in [0, 1], of the network's type and on its device.
        flip: Whether mirrored crops are looked at too, in one batch of 2 B, and the mean is taken. The library adds
            both up, so its values, and its scores, are twice as large; the places of the peaks are the same.
    """
    stacks: list[Tensor] = network(torch.cat((crops, crops.flip(-1))) if flip else crops)
    heatmaps = stacks[-1].float()
    if not flip:
        return heatmaps
    straight, mirrored = heatmaps.chunk(2)
    return (straight + mirrored[:, list(IBUG68.mirror)].flip(-1)) / 2


def find_peaks(heatmaps: Float[Tensor, "b k h w"]) -> tuple[Float[Tensor, "b k 2"], Float[Tensor, "b k"]]:
    """Return where each heatmap peaks, x and y in cells whose centres are whole numbers, and how high.

    The peak of the quadric through the logarithms of the highest cell and its eight neighbours is that of a Gaussian of
    any width exactly, be it round or not. It is kept within a cell of the highest one. Nothing leaves the device.

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
    # At an edge the cells beside the peak's neighbour take its neighbours' place.
    centre = torch.stack((highest[..., 0].clamp(1, width - 2), highest[..., 1].clamp(1, height - 2)), dim=-1)
    steps = torch.arange(-1, 2, device=heatmaps.device)
    around = (centre[..., 1, None, None] + steps[:, None]) * width + centre[..., 0, None, None] + steps
    values = flat.gather(-1, around.flatten(-2)).reshape(around.shape)
    logs = (values / peak.clamp(min=1e-12)[..., None, None]).clamp(min=_FLOOR).log()

    weights = logs.new_tensor(_ROWS)
    slope_x = (logs[..., 2] - logs[..., 0]) @ weights / 2
    slope_y = (logs[..., 2, :] - logs[..., 0, :]) @ weights / 2
    bend_x = (logs[..., 2] + logs[..., 0] - 2 * logs[..., 1]) @ weights
    bend_y = (logs[..., 2, :] + logs[..., 0, :] - 2 * logs[..., 1, :]) @ weights
    twist = (logs[..., 2, 2] + logs[..., 0, 0] - logs[..., 0, 2] - logs[..., 2, 0]) / 4
    determinant = bend_x * bend_y - twist**2
    top = (determinant > 0) & (bend_x < 0)  # anything else is no hilltop: then the highest cell itself
    determinant = determinant.where(top, 1.0)
    offset = torch.stack((twist * slope_y - bend_y * slope_x, twist * slope_x - bend_x * slope_y), dim=-1)
    points = (centre + offset / determinant[..., None]).where(top[..., None], highest.to(logs.dtype))
    return torch.clamp(points, highest - 1, highest + 1), peak
