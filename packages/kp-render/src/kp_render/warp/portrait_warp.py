"""A portrait that follows keypoints."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from kp_render.geometry.landmarks import EYES_LOWER, EYES_UPPER, MOUTH_LOWER, MOUTH_UPPER, NUM_KEYPOINTS
from kp_render.geometry.turn_limit import turn_between
from kp_render.warp.closing_lips import changed, lips_without_teeth
from kp_render.warp.expression_field import ExpressionField, make_expression_field
from kp_render.warp.head_field import HeadField, HeadMotion, make_head_field
from kp_render.warp.lip_seam import close_on_seam, is_mouth_open
from kp_render.warp.mouth_interior import MouthInterior, make_mouth_interior
from kp_render.warp.opening import Opening, find_opening, layers_at
from kp_render.warp.sampling import pixel_grid, sample, sample_enlarged, smoothstep

#: Distance of the nodes of the coarse grid, relative to the distance of the outer corners of the eyes.
_NODE_SPACING = 0.05
#: Width and height of what is put together in layers, relative to the width of the mouth and of an eye in the portrait.
_MOUTH_BOX, _EYE_BOX = (1.7, 1.7), (1.8, 1.3)
#: How far open a lid of a portrait may go, relative to the portrait.
_WIDEST_EYE = 1.25


class _Fields(NamedTuple):
    """Where each node of the coarse grid comes from in the portrait, pixels: with the head alone, and by layer."""

    head: Float[Tensor, "b 2 m n"]
    layers: Float[Tensor, "b 6 m n"]


class WarpedFrames(NamedTuple):
    """Frames of a warp, and how they came about.

    Attributes:
        frames: `(B, 3, H, W)` in [0, 1].
        places: `(B, 2, M, N)` where each node of a coarse grid over the frame comes from in the portrait, pixels.
        keypoints: `(B, 68, 2)` that the frames show, pixels.
        motion: Of the head, from the portrait to the frames.
    """

    frames: Float[Tensor, "b 3 h w"]
    places: Float[Tensor, "b 2 m n"]
    keypoints: Float[Tensor, "b 68 2"]
    motion: HeadMotion


@dataclass(frozen=True, slots=True, eq=False)
class PortraitWarp:
    """A portrait prepared for any number of frames; `make_portrait_warp` makes it, and calling it warps.

    Attributes:
        source: `(1, 3, H, W)` the picture in [0, 1].
        keypoints: `(68, 2)` of the portrait as detected, pixels.
        rest: `(68, 2)` the same with closed lips on their seam.
        size: Height and width of the picture.
        closed_lips: `(1, 3, H, W)` the picture with lips over its teeth; None if its lips are closed.
    """

    source: Float[Tensor, "1 3 h w"]
    keypoints: Float[Tensor, "68 2"]
    rest: Float[Tensor, "68 2"]
    size: tuple[int, int]
    head: HeadField
    expression: ExpressionField
    interior: MouthInterior
    closed_lips: Float[Tensor, "1 3 h w"] | None

    def __call__(self, keypoints: Float[Tensor, "b 68 2"]) -> Float[Tensor, "b 3 h w"]:
        """Return the portrait with the keypoints of B frames, `(B, 3, H, W)` in [0, 1].

        Differentiable in the keypoints. With the portrait's own keypoints the result is the portrait.
        """
        return self.in_parts(keypoints).frames

    def in_parts(self, keypoints: Float[Tensor, "b 68 2"]) -> WarpedFrames:
        """Return the same frames, and where their pixels come from."""
        pose = self.head.pose_in(keypoints)
        reached = self.head.within_reach(pose)
        seen, motion = HeadMotion.of(pose), HeadMotion.of(reached)
        # What the detector saw between closed lips of the portrait, it also sees in the frames: it is taken away.
        target = keypoints + torch.einsum("bij,kj->bki", seen.linear, self.rest - self.keypoints)
        unposed = self.head.unposed(target, seen, turn_between(pose.rotation, reached.rotation).sin())
        target = self.head.posed(unposed, motion)
        fields = self._fields(unposed - self.rest, motion)
        mouth = find_opening(target[:, list(MOUTH_UPPER)], target[:, list(MOUTH_LOWER)])
        eyes = [self._eye(target, side) for side in range(2)]
        places = self._skin_places(fields, mouth, eyes)
        frames = sample_enlarged(self.source, places, self.size)
        zoom = motion.linear.det().abs().sqrt()
        for side, eye in enumerate(eyes):
            frames = self._add_eye(frames, fields, eye, side)
        return WarpedFrames(self._add_mouth(frames, fields, mouth, zoom), places, target, motion)

    def _fields(self, displacements: Tensor, motion: HeadMotion) -> _Fields:
        head = self.head.inverse(motion)
        offsets = sample(self.expression.inverse(displacements), head, self.size)
        return _Fields(head, head.repeat(1, 3, 1, 1) + offsets)

    def _eye(self, target: Tensor, side: int) -> Opening:
        return find_opening(target[:, list(EYES_UPPER[side])], target[:, list(EYES_LOWER[side])])

    def _skin_places(self, fields: _Fields, mouth: Opening, eyes: list[Opening]) -> Tensor:
        """Return where nodes come from with the layers joined smoothly: right everywhere but at lips and lids."""
        nodes = self.head.grid.expand(len(fields.head), -1, -1, -1)
        width = 5 * self.head.pixels_per_mm
        below_mouth = smoothstep(_height_over(mouth, nodes), -width, width)
        # The axis of either eye counts on its side of the nose.
        left, right = (_height_over(eye, nodes) for eye in eyes)
        middle = (eyes[0].corner + eyes[0].axis + eyes[1].corner) / 2
        toward = eyes[1].corner - eyes[0].corner
        toward = toward / toward.norm(dim=1, keepdim=True).clamp(min=1e-3)
        across = torch.einsum("bd,bdmn->bmn", toward, nodes - middle[..., None, None])[:, None]
        share = smoothstep(across, -3 * width, 3 * width)
        below_eyes = smoothstep(left * (1 - share) + right * share, -width, width)
        above, between, below = (fields.layers[:, i : i + 2] for i in (0, 2, 4))
        places = above + below_eyes * (between - above)
        return places + below_mouth * (below - places)

    def _add_mouth(self, frames: Tensor, fields: _Fields, mouth: Opening, zoom: Tensor) -> Tensor:
        middle = mouth.corner + mouth.axis / 2 + _half_way(mouth)
        width = self.interior.width
        box = _Box.around(middle, (_MOUTH_BOX[1] * width, _MOUTH_BOX[0] * width), self.size)
        layers = layers_at(mouth, box.pixels)
        lips = [self._full(fields.layers[:, i : i + 2], box) for i in (2, 4)]
        upper, lower = (sample(self.source, places, self.size) for places in lips)
        if self.closed_lips is not None:
            height = (mouth.lower - mouth.upper).mean(dim=1) / zoom
            share = changed(height, self.interior.opening)[:, None, None, None]
            upper, lower = (
                part + share * (sample(self.closed_lips, places, self.size) - part)
                for part, places in zip((upper, lower), lips, strict=True)
            )
        head = self._full(fields.head, box)
        inside = self.interior.at(head, lips[1], layers, mouth, zoom)
        behind = 1 - layers.upper - layers.lower
        return box.put(frames, layers.upper * upper + layers.lower * lower + behind * inside)

    def _add_eye(self, frames: Tensor, fields: _Fields, eye: Opening, side: int) -> Tensor:
        own = self._eye(self.rest[None], side)
        length = float(own.axis.norm())
        box = _Box.around(eye.corner + eye.axis / 2, (_EYE_BOX[1] * length, _EYE_BOX[0] * length), self.size)
        layers = layers_at(eye, box.pixels)
        upper, lower = (sample(self.source, self._full(fields.layers[:, i : i + 2], box), self.size) for i in (0, 2))
        # The eyeball only moves with the head; where lids open further than in the portrait, it is stretched.
        gap, own_gap = ((o.lower - o.upper).mean(dim=1) / o.axis.norm(dim=1).clamp(min=1e-3) for o in (eye, own))
        stretch = (gap / own_gap.clamp(min=1e-3)).clamp(1.0, _WIDEST_EYE)[:, None, None, None]
        centre = (eye.upper + eye.lower).mean(dim=1)[:, None, None, None] / 2
        places = self._full(fields.head, box)
        places = places + (layers.height - centre) * (1 / stretch - 1) * _normal(eye)[..., None, None]
        ball = sample(self.source, places, self.size)
        behind = 1 - layers.upper - layers.lower
        return box.put(frames, layers.upper * upper + layers.lower * lower + behind * ball)

    def _full(self, field: Tensor, box: "_Box") -> Tensor:
        return sample(field, box.pixels, self.size)


def make_portrait_warp(image: Float[Tensor, "3 h w"], keypoints: Float[Tensor, "68 2"]) -> PortraitWarp:
    """Prepare a portrait: its depth, its layers and what is behind its lips.

    Args:
        image: `(3, H, W)` RGB in [0, 1]; the device of the work.
        keypoints: `(68, 2)` of its face, pixels.

    Raises:
        ValueError: The keypoints are no face, or not finite.

    Example:
        >>> from kp_render.geometry.mean_head import mean_head
        >>> face = mean_head()[:, :2] * 0.4 + 64
        >>> warp = make_portrait_warp(torch.rand(3, 128, 128), face)
        >>> warp(face[None] + torch.tensor([2.0, 0.0])).shape
        torch.Size([1, 3, 128, 128])
    """
    if keypoints.shape != (NUM_KEYPOINTS, 2) or not bool(keypoints.isfinite().all()):
        raise ValueError(f"expected finite keypoints (68, 2) of a face (iBUG 300-W), got {tuple(keypoints.shape)}")
    keypoints = keypoints.to(image)
    eyes = float((keypoints[45] - keypoints[36]).norm())
    height = float((keypoints[8] - keypoints[27]).norm())
    if max(eyes, height) < 4 or eyes < 0.15 * height:
        raise ValueError(
            f"expected the keypoints of a face that looks this way, got eyes {eyes:.1f} px apart; "
            "choose a frontal portrait"
        )
    size = (image.shape[1], image.shape[2])
    spacing = _NODE_SPACING * max(eyes, 0.6 * height)
    rows, columns = (max(8, min(160, round(side / spacing))) for side in size)
    grid = pixel_grid(rows, columns, size).to(image)
    is_open = is_mouth_open(keypoints)
    rest = keypoints if is_open else close_on_seam(image, keypoints)
    head = make_head_field(rest, grid, size)
    expression = make_expression_field(rest, grid, size, weight=head.outline, pixels_per_mm=head.pixels_per_mm)
    opening = find_opening(rest[None, list(MOUTH_UPPER)], rest[None, list(MOUTH_LOWER)])
    interior = make_mouth_interior(image, rest, opening, is_open=is_open)
    closed_lips = lips_without_teeth(image, opening) if is_open else None
    return PortraitWarp(image[None], keypoints, rest, size, head, expression, interior, closed_lips)


def _height_over(opening: Opening, places: Float[Tensor, "b 2 m n"]) -> Float[Tensor, "b 1 m n"]:
    """Return how far places are below the middle of an opening."""
    layers = layers_at(opening, places)
    return (layers.below_upper - layers.above_lower) / 2


def _half_way(opening: Opening) -> Float[Tensor, "b 2"]:
    """Return the vector from the axis to the middle of the opening."""
    lift: Tensor = (opening.upper + opening.lower).mean(dim=1, keepdim=True) / 2
    return _normal(opening) * lift


def _normal(opening: Opening) -> Float[Tensor, "b 2"]:
    """Return the unit vector from the axis downwards."""
    across = torch.stack((-opening.axis[:, 1], opening.axis[:, 0]), dim=1)
    unit: Tensor = across / opening.axis.norm(dim=1, keepdim=True).clamp(min=1e-3)
    return unit


class _Box(NamedTuple):
    """A rectangle of the same size in each frame, whose content fades into the frame at its edges."""

    corners: Tensor
    pixels: Float[Tensor, "b 2 h w"]
    cover: Float[Tensor, "h w"]

    @classmethod
    def around(cls, middle: Float[Tensor, "b 2"], size: tuple[float, float], picture: tuple[int, int]) -> "_Box":
        height, width = (min(max(8, round(side)), limit) for side, limit in zip(size, picture, strict=True))
        room = torch.tensor([picture[1] - width, picture[0] - height]).to(middle)
        corners = (middle.detach() - torch.tensor([width / 2, height / 2]).to(middle)).round().clamp(min=0)
        corners = torch.minimum(corners, room)
        grid = pixel_grid(height, width, (height, width)).to(middle)
        y, x = (1 - (2 * torch.linspace(0, 1, side) - 1).abs() for side in (height, width))
        cover = smoothstep(torch.minimum(y[:, None], x), 0.0, 0.2).to(middle)
        return cls(corners.long(), grid + corners[..., None, None], cover)

    def put(self, frames: Float[Tensor, "b 3 h w"], content: Float[Tensor, "b 3 m n"]) -> Float[Tensor, "b 3 h w"]:
        """Put the content onto the frames at the box, and return them."""
        height, width = self.cover.shape
        for index, (left, top) in enumerate(self.corners.tolist()):
            part = frames[index, :, top : top + height, left : left + width]
            frames[index, :, top : top + height, left : left + width] = part + self.cover * (content[index] - part)
        return frames
