"""The opening between two lips or two lids: how much of a pixel shows either, and what lies behind."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from kp_render.warp.sampling import smoothstep

#: Places along the line between the corners at which the two edges are known.
_COLUMNS = 33
#: Width of the transition from one layer to another, pixels: as sharp as a photo, without steps.
_EDGE_PX = 1.3
#: Beyond the corners the layers pass into each other over this much of the distance to the corner.
_WIDENING = 0.5


class Opening(NamedTuple):
    """The opening in B frames, in a frame of reference whose x axis leads from corner to corner.

    Attributes:
        corner: `(B, 2)` the first corner, pixels.
        axis: `(B, 2)` from the first corner to the other, pixels.
        upper: `(B, N)` height of the upper edge over the axis, at even steps along it, y down, pixels.
        lower: `(B, N)` likewise of the lower edge, never above the upper one.
    """

    corner: Float[Tensor, "b 2"]
    axis: Float[Tensor, "b 2"]
    upper: Float[Tensor, "b n"]
    lower: Float[Tensor, "b n"]


class Layers(NamedTuple):
    """How much of each pixel the three layers cover, and where it lies in the opening.

    Attributes:
        upper: `(B, 1, H, W)` cover of the upper layer, 0 to 1; upper, lower and what is behind add up to 1.
        lower: `(B, 1, H, W)` likewise.
        along: `(B, 1, H, W)` place along the axis, 0 at the first corner and 1 at the other.
        below_upper: `(B, 1, H, W)` distance below the upper edge, pixels.
        above_lower: `(B, 1, H, W)` distance above the lower edge, pixels.
        height: `(B, 1, H, W)` y over the axis, pixels.
    """

    upper: Float[Tensor, "b 1 h w"]
    lower: Float[Tensor, "b 1 h w"]
    along: Float[Tensor, "b 1 h w"]
    below_upper: Float[Tensor, "b 1 h w"]
    above_lower: Float[Tensor, "b 1 h w"]
    height: Float[Tensor, "b 1 h w"]


def find_opening(upper: Float[Tensor, "b k 2"], lower: Float[Tensor, "b k 2"]) -> Opening:
    """Return the opening between two rows of points, both from corner to corner.

    Where the edges cross, as pressed lips do in keypoints, they meet halfway.
    """
    corner = upper[:, 0]
    axis = upper[:, -1] - corner
    top, bottom = (_edge(points, corner, axis) for points in (upper, lower))
    middle = (top + bottom) / 2
    return Opening(corner, axis, torch.minimum(top, middle), torch.maximum(bottom, middle))


def rounded(opening: Opening) -> Opening:
    """Return an opening whose edges are at least as far apart as those of an ellipse of its height.

    Example:
        >>> row = torch.tensor([[[0.0, 0.0], [5.0, 2.0], [10.0, 0.0]]])
        >>> lips = find_opening(row * torch.tensor([1.0, -1.0]), row)
        >>> bool((rounded(lips).lower >= lips.lower).all())
        True
    """
    steps = torch.linspace(0, 1, opening.upper.shape[1]).to(opening.upper)
    arch = (4 * steps * (1 - steps)).clamp(min=0).sqrt()
    middle = opening.upper.shape[1] // 2
    top, bottom = (edge[:, middle, None] * arch for edge in (opening.upper, opening.lower))
    return opening._replace(upper=torch.minimum(opening.upper, top), lower=torch.maximum(opening.lower, bottom))


def _edge(points: Tensor, corner: Tensor, axis: Tensor) -> Float[Tensor, "b n"]:
    """Return the heights of a smooth line through points, at even steps along the axis."""
    length = axis.norm(dim=1, keepdim=True).clamp(min=1e-3)
    offset = points - corner[:, None]
    along = ((offset * axis[:, None]).sum(-1) / length.square()).contiguous()
    height = (axis[:, None, 0] * offset[..., 1] - axis[:, None, 1] * offset[..., 0]) / length
    # Points out of order would make a line turn back.
    along = torch.cummax(along, dim=1).values + 1e-4 * torch.arange(points.shape[1]).to(along)
    along = torch.cat((along[:, :1], along[:, 1:-1].clamp(0.02, 0.98), along[:, -1:].clamp(min=1)), dim=1)
    steps = torch.linspace(0, 1, _COLUMNS).to(along)
    right = torch.searchsorted(along.detach(), steps.expand(len(along), -1).contiguous()).clamp(1, along.shape[1] - 1)
    x0, x1 = along.gather(1, right - 1), along.gather(1, right)
    y0, y1 = height.gather(1, right - 1), height.gather(1, right)
    line: Tensor = y0 + (y1 - y0) * ((steps - x0) / (x1 - x0).clamp(min=1e-4)).clamp(0, 1)
    for _ in range(6):  # round its corners
        line = torch.cat((line[:, :1], (line[:, :-2] + 2 * line[:, 1:-1] + line[:, 2:]) / 4, line[:, -1:]), dim=1)
    return line


def layers_at(opening: Opening, places: Float[Tensor, "b 2 h w"]) -> Layers:
    """Return what covers the pixels at places, pixels of the frames."""
    length = opening.axis.norm(dim=1).clamp(min=1e-3)[:, None, None]
    unit_x, unit_y = (opening.axis / length[:, 0]).unbind(dim=1)
    x, y = (places - opening.corner[..., None, None]).unbind(dim=1)
    unit_x, unit_y = unit_x[:, None, None], unit_y[:, None, None]
    along, height = (x * unit_x + y * unit_y) / length, y * unit_x - x * unit_y
    column = (along.clamp(0, 1) * (_COLUMNS - 1)).flatten(1)
    left = column.detach().long().clamp(max=_COLUMNS - 2)
    part = column - left
    top, bottom = (
        ((1 - part) * edge.gather(1, left) + part * edge.gather(1, left + 1)).view_as(height)
        for edge in (opening.upper, opening.lower)
    )
    beyond = (along.clamp(max=0).abs() + (along - 1).clamp(min=0)) * length
    width = _EDGE_PX + _WIDENING * beyond
    covered_above = smoothstep((top - height) / width, -0.5, 0.5)
    covered_below = smoothstep((height - bottom) / width, -0.5, 0.5)
    # Where both edges are within a pixel, they share it.
    total = (covered_above + covered_below).clamp(min=1)
    maps = (covered_above / total, covered_below / total, along, height - top, bottom - height, height)
    return Layers(*(part[:, None] for part in maps))
