"""What lies behind the lips: the teeth that the portrait shows, or drawn ones, and the dark around them."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kp_render.geometry.landmarks import JAW, LOWER_LIP, NOSE, UPPER_LIP
from kp_render.warp.filtering import blur
from kp_render.warp.opening import Layers, Opening, layers_at
from kp_render.warp.sampling import sample, smoothstep

#: Brightness of teeth and of the depth of the mouth, relative to the skin and the lips.
_TEETH, _DEPTH, _TONGUE = 0.78, 0.33, 0.6
#: Light that is left behind the edge of the upper lip.
_SHADOW = 0.65
#: Length of drawn upper teeth below the seam of the lips, relative to the width of the mouth.
_TEETH_LENGTH = 0.085
#: Where one tooth ends and the next begins, from the middle, relative to the width of the mouth.
_GAPS = (0.0, 0.15, 0.275, 0.385)


@dataclass(frozen=True, slots=True, eq=False)
class MouthInterior:
    """The inside of a mouth, which moves with the head.

    Attributes:
        picture: `(1, 3, H, W)` over the picture of the portrait, or a part of it.
        origin: x and y of its first pixel, pixels of the portrait.
        width: Width of the mouth, pixels of the portrait.
        tongue: `(3,)` colour of the tongue.
        shadow: How much the lips darken what is behind them, 0 to 1; a photo of teeth has its shadows already.
    """

    picture: Float[Tensor, "1 3 h w"]
    origin: tuple[int, int]
    width: float
    tongue: Float[Tensor, "3"]
    shadow: float

    @property
    def is_shown(self) -> bool:
        """Return whether the portrait shows the inside of its mouth."""
        return self.shadow == 0

    def at(self, places: Float[Tensor, "b 2 h w"], layers: Layers, zoom: Tensor) -> Float[Tensor, "b 3 h w"]:
        """Return the inside of the mouth at places of the portrait, in the shadow of the lips of frames.

        Args:
            places: x and y in pixels of the portrait.
            layers: Where the same pixels are between the lips of the frames.
            zoom: `(B,)` size of the head in the frames, 1 as in the portrait.
        """
        shift = torch.tensor(self.origin).to(places)[:, None, None]
        inside = sample(self.picture, places - shift, (self.picture.shape[2], self.picture.shape[3]))
        width = self.width * zoom[:, None, None, None]
        depth, lift = layers.below_upper / width, layers.above_lower / width
        # The tongue lies behind the lower lip, and goes with it.
        room = depth + lift
        tongue = self.shadow * smoothstep(depth, 0.09, 0.2) * smoothstep(room, 0.16, 0.34) * 0.85
        inside = inside + tongue * (self.tongue[:, None, None] * (0.5 + 0.9 * lift.clamp(0, 0.4)) - inside)
        shadow = _SHADOW + (1 - _SHADOW) * smoothstep(depth, -0.01, 0.07)
        shadow = shadow * (0.6 + 0.4 * smoothstep(lift, 0.0, 0.05))
        return inside * (1 - self.shadow * (1 - shadow))


def make_mouth_interior(
    image: Float[Tensor, "3 h w"], keypoints: Float[Tensor, "68 2"], opening: Opening, *, is_open: bool
) -> MouthInterior:
    """Return the inside of the mouth of a portrait, whose lips are open or closed."""
    width = float(opening.axis[0].norm())
    middle = keypoints[[62, 66]].mean(dim=0)
    height_px, width_px = image.shape[1:]
    left, right = (round(float(middle[0]) + side * 0.8 * width) for side in (-1, 1))
    top, bottom = (round(float(middle[1]) + side * 0.8 * width) for side in (-1, 1))
    left, right = max(left, 0), min(right, width_px - 1)
    top, bottom = max(top, 0), min(bottom, height_px - 1)
    y, x = torch.meshgrid(torch.arange(top, bottom + 1), torch.arange(left, right + 1), indexing="ij")
    layers = layers_at(opening, torch.stack((x, y))[None].to(image))
    skin, lips = (
        _colour(image, keypoints, (*JAW[2:5], *JAW[12:15], *NOSE[:3])),
        _colour(image, keypoints, (*UPPER_LIP, *LOWER_LIP)),
    )
    picture = _drawn(layers, skin, lips, width)
    if is_open:
        shown = image[None, :, top : bottom + 1, left : right + 1]
        picture = _extended(shown, layers, picture, width)
    return MouthInterior(picture, (left, top), width, lips * _TONGUE, 0.0 if is_open else 1.0)


def _colour(image: Tensor, keypoints: Tensor, index: tuple[int, ...]) -> Float[Tensor, "3"]:
    """Return the median colour at some keypoints, moved a little towards the middle of the face."""
    points = keypoints[list(index)]
    points = points + 0.15 * (keypoints[33] - points)
    values = sample(image[None], points.T[None, :, None], (image.shape[1], image.shape[2]))
    return values[0, :, 0].median(dim=1).values


def _drawn(layers: Layers, skin: Tensor, lips: Tensor, width: float) -> Float[Tensor, "1 3 h w"]:
    side, below = (layers.along - 0.5).abs(), layers.below_upper / width
    grey = skin.mean()
    teeth = _TEETH * (0.45 * skin + 0.55 * grey * torch.tensor([1.06, 1.0, 0.92]).to(skin))
    depth = _DEPTH * lips * torch.tensor([1.15, 0.85, 0.85]).to(skin)
    # The upper teeth lie on an arch: they are shorter and darker at the sides.
    length = _TEETH_LENGTH * (1 - 1.6 * side.square())
    light = 1 - 0.75 * smoothstep(side, 0.16, 0.44)
    for gap in _GAPS:
        light = light * (1 - 0.10 * torch.exp(-((side - gap) / 0.011).square()))
    cover = smoothstep(length - below, -0.012, 0.02) * (1 - smoothstep(side, 0.36, 0.46))
    return depth[None, :, None, None] + cover * (light * teeth[None, :, None, None] - depth[None, :, None, None])


def _extended(shown: Tensor, layers: Layers, drawn: Tensor, width: float) -> Float[Tensor, "1 3 h w"]:
    """Keep what the portrait shows between the lips, and continue it behind them: teeth upwards, the dark downwards."""
    seen = smoothstep(torch.minimum(layers.below_upper, layers.above_lower), 0.5, 2.0)
    seen = seen * smoothstep(0.5 - (layers.along - 0.5).abs(), 0.01, 0.05)
    colours, cover = shown * seen, seen
    filled, weight = torch.zeros_like(colours), torch.zeros_like(cover)
    for sigma in (0.015, 0.03, 0.06, 0.12):
        spread = max(1.0, sigma * width)
        near = blur(cover, spread)
        colour = blur(colours, spread) / near.clamp(min=1e-4)
        take = smoothstep(near, 0.0, 0.05) * (1 - weight)
        filled, weight = filled + take * colour, weight + take
    filled = filled + (1 - weight) * drawn
    # Below what is seen the teeth end.
    away = (-layers.above_lower / width).clamp(min=0)
    dark = drawn.amin(dim=(2, 3), keepdim=True)
    filled = dark + (filled - dark) * (1 - smoothstep(away, 0.0, 0.16))
    return seen * shown + (1 - seen) * filled
