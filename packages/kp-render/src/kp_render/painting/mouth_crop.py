"""The square around the mouth of a frame, upright on the head, which a network sees and paints."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from kornia.geometry.transform import remap
from torch import Tensor
from torch.nn.functional import avg_pool2d

from kp_render.geometry.landmarks import EYE_CORNERS
from kp_render.warp.head_field import HeadField, HeadMotion
from kp_render.warp.sampling import sample, smoothstep

#: Side of the square in pixels of the network, and on the head, millimetres.
SIDE, SIDE_MM = 96, 96.0
#: The middle of the square lies this far from the root of the nose to the chin.
_DOWN = 0.7
#: Up to this distance from its middle all of the square is painted; from there to the edge it fades.
_COVERED = 0.8
_NOSE_ROOT, _CHIN = 27, 8
#: At most this many samples a side are averaged for one pixel.
_MOST_SAMPLES = 4


class MouthCrop(NamedTuple):
    """Squares on the mouths of B frames.

    Attributes:
        middle: `(B, 2)` pixels of the frame.
        axes: `(B, 2, 2)` from places in the square, -1 to 1 from edge to edge, to pixels from its middle.
    """

    middle: Float[Tensor, "b 2"]
    axes: Float[Tensor, "b 2 2"]

    def to_frame(self, places: Float[Tensor, "_ 2 h w"]) -> Float[Tensor, "b 2 h w"]:
        """Return pixels of the frame of places in the square, one field or one for each frame."""
        many = places.expand(len(self.axes), -1, -1, -1)
        return torch.einsum("bij,bjhw->bihw", self.axes, many) + self.middle[..., None, None]

    def from_frame(self, pixels: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 h w"]:
        """Return places in the square of pixels of the frame."""
        inverse = torch.linalg.inv(self.axes)
        return torch.einsum("bij,bjhw->bihw", inverse, pixels - self.middle[..., None, None])

    def points_from_frame(self, points: Float[Tensor, "b k 2"]) -> Float[Tensor, "b k 2"]:
        """Return keypoints of the frame in pixels of the network's square; 0 is the middle of its first pixel."""
        places = self.from_frame(points.mT[..., None])[..., 0].mT
        return (places + 1) * (SIDE / 2) - 0.5

    def cut(self, frames: Float[Tensor, "_ 3 h w"], size: tuple[int, int]) -> Float[Tensor, "b 3 side side"]:
        """Return the squares in the network's size, averaged where the frame has more pixels.

        Args:
            frames: One for all squares, or one for each; on a grid from corner to corner of the frame.
            size: Height and width of the frame, pixels; `frames` may be enlarged.
        """
        finest = frames.shape[3] / size[1] * float(self.axes.detach().norm(dim=1).amax()) * 2 / SIDE
        count = min(_MOST_SAMPLES, max(1, round(finest)))
        fine = sample(frames, self.to_frame(square(SIDE * count).to(self.axes)), size)
        return avg_pool2d(fine, count) if count > 1 else fine

    def bounds(self, index: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom of the pixels of a frame that the square touches."""
        reach = self.axes[index].abs().sum(dim=1)
        left, top = (self.middle[index] - reach).floor().clamp(min=0).int().tolist()
        right, bottom = (self.middle[index] + reach).ceil().int().tolist()
        return left, top, min(right + 1, size[1]), min(bottom + 1, size[0])


def square(side: int) -> Float[Tensor, "1 2 side side"]:
    """Return x and y of the middles of the pixels of a square whose edges are at -1 and 1.

    Example:
        >>> square(2)[0, 0]
        tensor([[-0.5000,  0.5000],
                [-0.5000,  0.5000]])
    """
    steps = (torch.arange(side) + 0.5) * (2 / side) - 1
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack((x, y))[None]


def round_cover() -> Float[Tensor, "1 1 side side"]:
    """Return how far the pixels of a square may change, 0 to 1: within a circle, from the nose to the chin."""
    return 1 - smoothstep(square(SIDE).norm(dim=1, keepdim=True), _COVERED, 1.0)


def from_square(content: Float[Tensor, "1 c side side"], places: Float[Tensor, "1 2 h w"]) -> Float[Tensor, "1 c h w"]:
    """Return the content of a square at places in it; outside it is 0."""
    return remap(
        content, places[:, 0], places[:, 1], padding_mode="zeros", align_corners=False, normalized_coordinates=True
    )


def place_mouth_crop(head: HeadField, motion: HeadMotion) -> MouthCrop:
    """Return the squares on a head that has moved; lips and jaw do not shift them."""
    points = head.points
    corners = points[[_NOSE_ROOT, _CHIN, EYE_CORNERS[0], EYE_CORNERS[3]]]
    moved = torch.einsum("bij,kj->bki", motion.linear, corners[:, :2])
    moved = moved + motion.parallax[:, None] * corners[:, 2, None] + motion.shift[:, None]
    root, chin, left, right = moved.unbind(dim=1)
    across = right - left
    x = across / across.norm(dim=1, keepdim=True).clamp(min=1e-3)
    y = torch.stack((-x[:, 1], x[:, 0]), dim=1)
    scale = torch.cat((motion.linear[:, 0], motion.parallax[:, :1]), dim=1).norm(dim=1)
    half = scale * head.pixels_per_mm * SIDE_MM / 2
    return MouthCrop(root + _DOWN * (chin - root), half[:, None, None] * torch.stack((x, y), dim=2))


def still_motion(head: HeadField) -> HeadMotion:
    """Return the motion of a head that stays where it is in the portrait."""
    one = torch.eye(2).to(head.points)
    nothing = torch.zeros(1, 2).to(head.points)
    return HeadMotion(one[None], nothing, nothing)
