"""Where every pixel of a portrait goes when the head moves."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from kp_render.geometry.head_pose import fit_head_pose
from kp_render.geometry.interpolation import interpolation_matrix
from kp_render.geometry.landmarks import BROWS, JAW, STABLE
from kp_render.geometry.mean_head import head_radius, mean_head, surface_depth
from kp_render.warp.sampling import sample, smoothstep

#: The head moves as one up to the first radius, and the still background begins at the second; 1 is the silhouette.
_RIGID_RADIUS, _STILL_RADIUS = 1.12, 2.15
#: Over this width the motion also fades towards the edges of the picture, millimetres.
_EDGE_MM = 45.0
#: Over this distance the depths of the face pass into the smooth head, millimetres.
_DEPTH_LENGTH_MM = 26.0
_ITERATIONS = 5


class HeadMotion(NamedTuple):
    """Motion of a head to frames: the point (x, y) at depth z goes to `linear (x, y) + parallax z + shift`.

    Attributes:
        linear: `(B, 2, 2)`.
        parallax: `(B, 2)`.
        shift: `(B, 2)` pixels.
    """

    linear: Float[Tensor, "b 2 2"]
    parallax: Float[Tensor, "b 2"]
    shift: Float[Tensor, "b 2"]


@dataclass(frozen=True, slots=True, eq=False)
class HeadField:
    """The head of a portrait, on a coarse grid over its picture.

    Attributes:
        points: `(68, 3)` the keypoints of the portrait with their depth, pixels.
        maps: `(1, 2, M, N)` how far each node moves with the head, 0 to 1, and its depth in pixels.
        grid: `(2, M, N)` x and y of the nodes, pixels.
        size: Height and width of the picture, pixels.
        pixels_per_mm: Scale of the head in the picture.
    """

    points: Float[Tensor, "68 3"]
    maps: Float[Tensor, "1 2 m n"]
    grid: Float[Tensor, "2 m n"]
    size: tuple[int, int]
    pixels_per_mm: float

    def motion_to(self, keypoints: Float[Tensor, "b 68 2"]) -> HeadMotion:
        """Fit the motions of the head to keypoints of frames; to those of the portrait, no motion."""
        stable = list(STABLE)
        pose = fit_head_pose(self.points[stable], keypoints[:, stable])
        turned = pose.scale[:, None, None] * pose.rotation[:, :2]
        return HeadMotion(turned[..., :2], turned[..., 2], pose.shift)

    def unposed(self, keypoints: Float[Tensor, "b 68 2"], motion: HeadMotion) -> Float[Tensor, "b 68 2"]:
        """Return the keypoints of frames without the motion of the head, each at its depth in the portrait."""
        offset = motion.shift[:, None] + motion.parallax[:, None] * self.points[:, 2, None]
        still: Tensor = torch.linalg.solve(motion.linear[:, None], (keypoints - offset)[..., None])
        return still[..., 0]

    def inverse(self, motion: HeadMotion) -> Float[Tensor, "b 2 m n"]:
        """Return where in the portrait each node of the frames' grid comes from, pixels."""
        target = self.grid.expand(len(motion.shift), -1, -1, -1)
        linear = motion.linear - torch.eye(2).to(motion.linear)
        source = target
        for _ in range(_ITERATIONS):
            maps = sample(self.maps, source, self.size)
            weight, depth = maps[:, :1], maps[:, 1:]
            moved = torch.einsum("bij,bjmn->bimn", linear, source)
            moved = moved + motion.parallax[..., None, None] * depth + motion.shift[..., None, None]
            source = target - weight * moved
        return source


def make_head_field(keypoints: Float[Tensor, "68 2"], grid: Float[Tensor, "2 m n"], size: tuple[int, int]) -> HeadField:
    """Fit a mean head to the keypoints of a portrait, and return its depth and its soft outline on a grid."""
    model = mean_head().to(keypoints)
    pose = fit_head_pose(model[list(STABLE)], keypoints[None, list(STABLE)])
    scale, rotation, shift = pose.scale[0], pose.rotation[0], pose.shift[0]
    depths = scale * (model @ rotation[2])
    points = torch.cat((keypoints, depths[:, None]), dim=1)
    # From pixels to the head's own millimetres: the surface is where the line of sight meets it.
    seen = (grid - shift[:, None, None]) / scale
    x, y = torch.zeros_like(seen[0]), torch.zeros_like(seen[0])
    for _ in range(12):
        z = surface_depth(x, y)
        x, y = torch.linalg.solve(rotation[:2, :2], (seen - rotation[:2, 2, None, None] * z).flatten(1)).view_as(seen)
    z = surface_depth(x, y)
    depth = scale * (rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z)
    # At the keypoints the depth is that of the face.
    rough = sample(depth[None, None], keypoints.T[None, :, None], size)[0, 0, 0]
    noise = torch.full((len(points),), 0.05).to(keypoints)
    noise[list(JAW)] = 1.0  # on the silhouette a slope would tear
    noise[list(BROWS)] = 0.2
    nodes = grid.flatten(1).T
    matrix = interpolation_matrix(nodes, keypoints, length=_DEPTH_LENGTH_MM * float(scale), noise=noise)
    depth = depth + (matrix @ (depths - rough)).view_as(depth)
    return HeadField(
        points, torch.stack((_weight(x, y, grid, size, float(scale)), depth))[None], grid, size, float(scale)
    )


def _weight(x: Tensor, y: Tensor, grid: Tensor, size: tuple[int, int], scale: float) -> Float[Tensor, "m n"]:
    weight = 1 - smoothstep(head_radius(x, y), _RIGID_RADIUS, _STILL_RADIUS)
    height, width = size
    to_edge = torch.stack((grid[0], width - 1 - grid[0], grid[1], height - 1 - grid[1])).amin(dim=0)
    return weight * smoothstep(to_edge, 0.0, _EDGE_MM * scale)
