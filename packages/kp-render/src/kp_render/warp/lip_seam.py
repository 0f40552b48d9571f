"""Closed lips of a portrait: keypoints put onto the seam between them."""

import torch
from jaxtyping import Float
from torch import Tensor

from kp_render.geometry.landmarks import MOUTH_LOWER, MOUTH_UPPER
from kp_render.warp.opening import find_opening
from kp_render.warp.sampling import sample

#: Lips closer than this are closed, relative to the width of the mouth: detectors see a gap in closed lips too.
_CLOSED = 0.055
#: The seam is looked for this far above and below the keypoints, relative to the width of the mouth.
_REACH = 0.07


def is_mouth_open(keypoints: Float[Tensor, "68 2"]) -> bool:
    """Return whether the lips of a portrait are apart.

    Example:
        >>> is_mouth_open(torch.zeros(68, 2))
        False
    """
    upper, lower = keypoints[list(MOUTH_UPPER)], keypoints[list(MOUTH_LOWER)]
    gap = (lower - upper).norm(dim=1)[1:4].mean()
    return bool(gap > _CLOSED * (upper[-1] - upper[0]).norm()) and bool(lower[2, 1] > upper[2, 1])


def close_on_seam(image: Float[Tensor, "3 h w"], keypoints: Float[Tensor, "68 2"]) -> Float[Tensor, "68 2"]:
    """Return keypoints whose inner lip points lie on the seam of closed lips, the dark line between them."""
    opening = find_opening(keypoints[None, list(MOUTH_UPPER)], keypoints[None, list(MOUTH_LOWER)])
    axis = opening.axis[0]
    width = axis.norm()
    normal = torch.stack((-axis[1], axis[0])) / width
    steps = torch.linspace(0, 1, opening.upper.shape[1]).to(image)
    middle = (opening.upper[0] + opening.lower[0]) / 2
    base = opening.corner[0] + steps[:, None] * axis + middle[:, None] * normal
    reach = torch.linspace(-1, 1, 25).to(image) * _REACH * width
    places = base[:, None] + reach[:, None] * normal  # (columns, reach, 2)
    grey = sample(
        image[None].mean(dim=1, keepdim=True), places.permute(2, 0, 1)[None], (image.shape[1], image.shape[2])
    )[0, 0]
    cost = grey + 0.25 * (reach / (_REACH * width)).square()
    offset = _cheapest_path(cost, reach)
    offset = offset * (1 - (2 * steps - 1).abs()).mul(8).clamp(max=1)  # corners stay
    moved = keypoints.clone()
    for row in (MOUTH_UPPER, MOUTH_LOWER):
        for index in row[1:-1]:
            along = float(((keypoints[index] - opening.corner[0]) * axis).sum() / width.square())
            column = min(max(round(along * (len(steps) - 1)), 0), len(steps) - 1)
            moved[index] = opening.corner[0] + along * axis + (middle[column] + offset[column]) * normal
    return moved


def _cheapest_path(cost: Float[Tensor, "n r"], reach: Float[Tensor, " r"]) -> Float[Tensor, " n"]:
    """Return the offset in each column of the path that is darkest in all and does not jump (dynamic programming)."""
    columns, heights = cost.shape
    jump = (torch.arange(heights)[:, None] - torch.arange(heights)).abs().to(cost)
    step_cost = 0.01 * jump + 10.0 * (jump > 2)
    total, origins = cost[0], []
    for column in range(1, columns):
        best, origin = (total[None] + step_cost).min(dim=1)
        total = best + cost[column]
        origins.append(origin)
    place = int(total.argmin())
    path = [place]
    for origin in reversed(origins):
        place = int(origin[place])
        path.append(place)
    line = reach[torch.tensor(path[::-1])]
    for _ in range(4):
        line = torch.cat((line[:1], (line[:-2] + 2 * line[1:-1] + line[2:]) / 4, line[-1:]))
    return line
