"""Where every pixel of a portrait goes when the head moves."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from kp_render.geometry.head_pose import HeadPose, fit_head_pose
from kp_render.geometry.interpolation import interpolation_matrix
from kp_render.geometry.landmarks import BROWS, JAW, NUM_KEYPOINTS, STABLE
from kp_render.geometry.mean_head import HALF_WIDTH, head_radius, mean_head, surface_depth
from kp_render.geometry.turn_limit import limit_turn
from kp_render.warp.filtering import blur
from kp_render.warp.fixed_point import fixed_point
from kp_render.warp.sampling import sample, smoothstep

#: The head moves as one up to the first radius, and the still background begins at the second; 1 is the silhouette.
_RIGID_RADIUS, _STILL_RADIUS = 1.12, 2.15
#: Over this width the motion also fades towards the edges of the picture, millimetres; but the face up to the first
#: radius goes on moving, and what is between the radii fades in part.
_EDGE_MM, _EDGE_FACE = 45.0, (0.85, 1.12)
#: From the first to the second length of `_FADE` motions, in half widths of the head, the edges follow it.
_EDGES_FOLLOW = (0.6, 1.6)
#: The motion fades over at least this many times its own length, so that no background is torn or shown twice.
_FADE = 1.9
#: Over this distance the depths of the face pass into the smooth head, millimetres.
_DEPTH_LENGTH_MM = 26.0
#: Widths over which the relief is smoothed where a head turns far, millimetres; then it becomes flat.
_RELIEF_MM = (0.0, 6.0, 12.0, 24.0)
#: Steepest slope of the relief times the tangent of a turn: above 1 skin folds, which its steepest place alone may.
_MOST_CHANGE = 1.1
#: Points whose place in a frame is met where the relief is smoothed: lips, lids and brows.
_MET = (*BROWS, *range(36, 68))
#: From the stable points back to the middle of the skull, millimetres.
_SKULL_MM = 80.0
#: Iterations of the inverse.
_ITERATIONS = 7


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

    @classmethod
    def of(cls, pose: HeadPose) -> "HeadMotion":
        """Return the motion to a pose."""
        turned = pose.scale[:, None, None] * pose.rotation[:, :2]
        return cls(turned[..., :2], turned[..., 2], pose.shift)


@dataclass(frozen=True, slots=True, eq=False)
class HeadField:
    """The head of a portrait, on a coarse grid over its picture.

    Attributes:
        points: `(68, 3)` the keypoints of the portrait with their depth, pixels.
        reliefs: `(1, L, M, N)` depth of each node, pixels; the first is the head's, the others ever smoother.
        slopes: `(L,)` the steepest slope of each; the last is 0.
        radius: `(1, 1, M, N)` distance of each node from the middle of the head, 1 at its silhouette.
        to_edge: `(1, 1, M, N)` distance of each node from the nearest edge of the picture, pixels.
        grid: `(2, M, N)` x and y of the nodes, pixels.
        size: Height and width of the picture, pixels.
        pixels_per_mm: Scale of the head in the picture.
    """

    points: Float[Tensor, "68 3"]
    reliefs: Float[Tensor, "1 l m n"]
    slopes: Float[Tensor, " l"]
    radius: Float[Tensor, "1 1 m n"]
    to_edge: Float[Tensor, "1 1 m n"]
    grid: Float[Tensor, "2 m n"]
    size: tuple[int, int]
    pixels_per_mm: float

    @property
    def outline(self) -> Float[Tensor, "m n"]:
        """Return how far each node belongs to the head, 0 to 1."""
        return 1 - smoothstep(self.radius[0, 0], _RIGID_RADIUS, _STILL_RADIUS)

    def pose_in(self, keypoints: Float[Tensor, "b 68 2"]) -> HeadPose:
        """Fit the poses of the head to keypoints of frames; to those of the portrait, none."""
        stable = list(STABLE)
        return fit_head_pose(self.points[stable], keypoints[:, stable])

    def within_reach(self, pose: HeadPose) -> HeadPose:
        """Return poses that turn no further than the portrait can show; the middle of the skull stays in its place."""
        rotation = limit_turn(pose.rotation)
        middle = self.points[list(STABLE)].mean(dim=0)
        middle = middle + torch.tensor([0.0, 0.0, _SKULL_MM * self.pixels_per_mm]).to(middle)
        moved = (pose.rotation - rotation)[:, :2] @ middle
        return HeadPose(rotation, pose.scale, pose.shift + pose.scale[:, None] * moved)

    def unposed(
        self, keypoints: Float[Tensor, "b 68 2"], motion: HeadMotion, damping: Float[Tensor, " b"]
    ) -> Float[Tensor, "b 68 2"]:
        """Return the keypoints of frames without the motion of the head, each at its depth in the portrait.

        Args:
            keypoints: Pixels of the frames.
            motion: Of the head.
            damping: `(B,)` how much the displacements from the portrait are made smaller where a turn hides them.
        """
        offset, linear, points = self._offset(motion), motion.linear, self.points[:, :2]
        moved = keypoints - offset - torch.einsum("bij,kj->bki", linear, points)
        # A face from far aside hardly shows how wide its expression is: what is too much of a turn damps it.
        size = linear.square().sum(dim=(1, 2)).clamp(min=1e-12)
        damped = linear.mT @ linear + (damping * size)[:, None, None] * torch.eye(2).to(linear)
        still: Tensor = points + torch.linalg.solve(damped, linear.mT @ moved.mT).mT
        return still

    def posed(self, unposed: Float[Tensor, "b 68 2"], motion: HeadMotion) -> Float[Tensor, "b 68 2"]:
        """Return keypoints of frames from those without the motion of the head: the inverse of `unposed`."""
        return torch.einsum("bij,bkj->bki", motion.linear, unposed) + self._offset(motion)

    def _offset(self, motion: HeadMotion) -> Float[Tensor, "b 68 2"]:
        """Return what shift and depth add to the place of each keypoint."""
        count = len(motion.shift)
        depth = self.points[:, 2].expand(count, -1)
        places = self.points[:, :2].T[None, :, None].expand(count, -1, -1, -1)
        # Where the relief of a turned head is smoothed, the rest of the way is expression.
        left_over = sample(self._relief(motion) - self.reliefs[:, :1], places, self.size)[:, 0, 0]
        is_met = torch.zeros(NUM_KEYPOINTS).to(depth)
        is_met[list(_MET)] = 1.0
        depth = depth + left_over * is_met
        return motion.shift[:, None] + motion.parallax[:, None] * depth[..., None]

    def inverse(self, motion: HeadMotion) -> Float[Tensor, "b 2 m n"]:
        """Return where in the portrait each node of the frames' grid comes from, pixels.

        Each node is first looked for on the head. How far it moves with the head is decided where it was found: so the
        head itself never tears, however far it goes.
        """
        target = self.grid.expand(len(motion.shift), -1, -1, -1)
        back = torch.linalg.inv(motion.linear)
        flat = torch.einsum("bij,bjmn->bimn", back, target - motion.shift[..., None, None])
        direction = torch.einsum("bij,bj->bi", back, motion.parallax)[..., None, None]
        relief = self._relief(motion)
        source = fixed_point(
            lambda source: flat - direction * sample(relief, source, self.size),
            flat - direction * relief,
            iterations=_ITERATIONS,
        )
        return target + self._weight(source, motion) * (source - target)

    def _relief(self, motion: HeadMotion) -> Float[Tensor, "b 1 m n"]:
        """Return the depth of the head, as smooth as the turn needs so that the skin does not fold."""
        turn = torch.linalg.solve(motion.linear, motion.parallax).norm(dim=1).clamp(min=1e-6)
        steepest = (_MOST_CHANGE / turn)[:, None]
        # Between two reliefs the slope is at most that of their mean.
        rougher, smoother = self.slopes[:-1], self.slopes[1:]
        share = ((rougher - steepest) / (rougher - smoother).clamp(min=1e-6)).clamp(0, 1)
        steps = self.reliefs[:, 1:] - self.reliefs[:, :-1]
        return self.reliefs[:, :1] + torch.einsum("bl,lmn->bmn", share, steps[0])[:, None]

    def _weight(self, source: Float[Tensor, "b 2 m n"], motion: HeadMotion) -> Float[Tensor, "b 1 m n"]:
        """Return how far each node moves with the head, 0 to 1."""
        radius = sample(self.radius, source, self.size)
        moved = torch.einsum("bij,kj->bki", motion.linear, self.points[:, :2]) + motion.shift[:, None]
        moved = moved + motion.parallax[:, None] * self.points[:, 2, None] - self.points[:, :2]
        fade = _FADE * moved.norm(dim=2).amax(dim=1)[:, None, None, None]
        unit = HALF_WIDTH * self.pixels_per_mm
        still = (_RIGID_RADIUS + fade / unit).clamp(min=_STILL_RADIUS)
        weight = 1 - smoothstep((radius - _RIGID_RADIUS) / (still - _RIGID_RADIUS), 0.0, 1.0)
        at_edge = smoothstep(self.to_edge / fade.clamp(min=_EDGE_MM * self.pixels_per_mm), 0.0, 1.0)
        at_edge = torch.maximum(at_edge, 1 - smoothstep(radius, *_EDGE_FACE))
        # A head that goes far takes the edges of the picture along: else what is there would be seen twice.
        return weight * torch.maximum(at_edge, smoothstep(fade / unit, *_EDGES_FOLLOW))


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
    radius = head_radius(x, y)
    reliefs, slopes = _reliefs(depth, radius, grid, float(scale))
    height, width = size
    to_edge = torch.stack((grid[0], width - 1 - grid[0], grid[1], height - 1 - grid[1])).amin(dim=0)
    return HeadField(points, reliefs, slopes, radius[None, None], to_edge[None, None], grid, size, float(scale))


def _reliefs(
    depth: Float[Tensor, "m n"], radius: Float[Tensor, "m n"], grid: Float[Tensor, "2 m n"], scale: float
) -> tuple[Float[Tensor, "1 l m n"], Float[Tensor, " l"]]:
    """Return the relief ever smoother, down to flat, and the steepest slope of each on the head."""
    step = grid[:, 1, 1] - grid[:, 0, 0]
    on_head = radius < _RIGID_RADIUS
    level = depth[on_head].mean() if bool(on_head.any()) else depth.mean()
    sharp = depth[None, None]
    pixels = scale / float(step.mean())
    found = [blur(sharp, width * pixels) if width else sharp for width in _RELIEF_MM]
    found.append(torch.full_like(found[0], float(level)))
    slopes = []
    for relief in found:
        y, x = torch.gradient(relief[0, 0])
        slope = torch.hypot(x / step[0], y / step[1])
        slopes.append(torch.where(radius < _STILL_RADIUS, slope, torch.zeros_like(slope)).amax())
    return torch.cat(found, dim=1), torch.cummin(torch.stack(slopes), dim=0).values
