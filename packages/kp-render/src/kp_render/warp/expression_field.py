"""Where every pixel of a face goes when the face moves without the head, in three layers."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kp_render.geometry.interpolation import interpolation_matrix
from kp_render.geometry.landmarks import (
    BROWS,
    EYE_CORNERS,
    JAW,
    LOWER_LIDS,
    LOWER_LIP,
    MOUTH_CORNERS,
    NOSE,
    UPPER_LIDS,
    UPPER_LIP,
)
from kp_render.warp.fixed_point import fixed_point
from kp_render.warp.sampling import sample

_SHARED = (*JAW, *BROWS, *NOSE, *EYE_CORNERS, *MOUTH_CORNERS)

#: Points whose motion a layer follows: the upper lids and above, between lids and lips, the lower lip and below.
LAYERS = (
    (*_SHARED, *UPPER_LIDS),
    (*_SHARED, *LOWER_LIDS, *UPPER_LIP),
    (*_SHARED, *LOWER_LIP),
)

#: Skin of the upper lids that does not close: points this far from a lid to the brow above move with the brow.
_BROW_EDGE = 0.5
_LID_AND_BROW = ((37, 19), (38, 20), (43, 23), (44, 24))

#: Over this distance the skin moves alike, by layer, millimetres: lids move while the brows above stay.
_LENGTH_MM = (15.0, 16.0, 19.0)
#: Iterations of the inverse.
_ITERATIONS = 8


@dataclass(frozen=True, slots=True, eq=False)
class ExpressionField:
    """The face of a portrait, on a coarse grid over its picture.

    Attributes:
        matrix: `(3, M · N, 68)` displacement of the nodes, by layer, from that of the keypoints.
        grid: `(2, M, N)` x and y of the nodes, pixels.
        size: Height and width of the picture, pixels.
    """

    matrix: Float[Tensor, "3 _ 68"]
    grid: Float[Tensor, "2 m n"]
    size: tuple[int, int]

    def inverse(self, displacements: Float[Tensor, "b 68 2"]) -> Float[Tensor, "b 6 m n"]:
        """Return, for each layer, how far from each node the skin lies that comes to it: x and y, pixels."""
        batch = len(displacements)
        rows, columns = self.grid.shape[1:]
        forward = torch.einsum("lnk,bkd->bldn", self.matrix, displacements).reshape(batch * 3, 2, rows, columns)
        offset = fixed_point(
            lambda offset: -sample(forward, self.grid + offset, self.size), -forward, iterations=_ITERATIONS
        )
        return offset.reshape(batch, 6, rows, columns)


def make_expression_field(
    keypoints: Float[Tensor, "68 2"],
    grid: Float[Tensor, "2 m n"],
    size: tuple[int, int],
    *,
    weight: Float[Tensor, "m n"],
    pixels_per_mm: float,
) -> ExpressionField:
    """Prepare the layers of a face; `weight` is how far each node belongs to the head, 0 to 1."""
    noise = torch.full((len(keypoints),), 0.02).to(keypoints)
    noise[[*BROWS, *UPPER_LIDS, *LOWER_LIDS, *UPPER_LIP, *LOWER_LIP, *MOUTH_CORNERS, *EYE_CORNERS]] = 1e-3
    noise[list(JAW)] = 0.3  # points along a contour slide, and a detector finds them less well
    nodes = grid.flatten(1).T
    matrix = torch.zeros(3, len(nodes), len(keypoints)).to(keypoints)
    for layer, used in enumerate(LAYERS):
        index = list(used)
        points, origin = keypoints[index], index
        if layer == 0:
            lids, brows = ([pair[part] for pair in _LID_AND_BROW] for part in (0, 1))
            edge = keypoints[lids] + _BROW_EDGE * (keypoints[brows] - keypoints[lids])
            points, origin = torch.cat((points, edge)), [*index, *brows]
        length = _LENGTH_MM[layer] * pixels_per_mm
        weights = interpolation_matrix(nodes, points, length=length, noise=noise[origin])
        matrix[layer].index_add_(1, torch.tensor(origin, device=matrix.device), weights)
    return ExpressionField(matrix * weight.reshape(1, -1, 1), grid, size)
