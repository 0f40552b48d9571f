"""What lies behind the lips: the teeth that the portrait shows, or drawn ones, and the dark around them."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kp_render.geometry.landmarks import JAW, LOWER_LIP, NOSE, UPPER_LIP
from kp_render.warp.filtering import blur
from kp_render.warp.opening import Layers, Opening, layers_at
from kp_render.warp.sampling import sample, smoothstep

#: Brightness of teeth and of the tongue, relative to that of the skin, and of the depth of the mouth, relative to the
#: lips. These figures, the colours and the fading to the sides are medians of mouths in footage of the training split.
_TEETH, _TONGUE, _DEPTH = 1.05, 0.75, 0.42
#: Colours: of teeth between that of the skin and one for all, of the depth relative to the lips.
_WHITE, _DARK_RED = (1.05, 0.95, 1.0), (1.3, 0.78, 0.7)
#: Light that is left behind the edges of the upper and the lower lip, and over which distance, widths of the mouth.
_SHADOW, _SHADOW_LENGTH = (0.7, 0.75), (0.045, 0.04)
#: Light that reaches what is behind lips that are just open, and from which opening on there is all of it.
_DIM, _BRIGHT_OPENING = 0.35, 0.26
#: Likewise what a portrait shows, by the share of its opening.
_LIT = (0.05, 0.65)
#: Length of drawn upper teeth below the seam of the lips, and how much shorter they are at their sides, relative to the
#: width of the mouth.
_TEETH_LENGTH, _ROUNDING = 0.075, 0.012
#: Where one tooth ends and the next begins, from the middle, relative to the width of the mouth.
_GAPS = (0.0, 0.15, 0.275, 0.385)
#: How far the tongue comes up from the lower lip, from the first length to the second it fades.
_TONGUE_EDGE = (0.02, 0.17)
#: What a portrait shows fades between these openings of frames, relative to its own, for the drawing.
_KNOWN = (1.5, 2.5)
#: But not where it shows its teeth: above the second opening, relative to the width of the mouth, and if the brightest
#: quarter between its lips is above the second brightness, relative to the skin.
_WELL_SHOWN, _BRIGHT = (0.08, 0.105), (0.95, 1.15)
#: Between these openings, relative to that of the portrait, the lower lip leaves behind what was above it; the lowest
#: part of that, widths of the mouth above the lip, fades.
_FURTHER, _HANGING = (1.15, 1.6), (-0.01, 0.03)


@dataclass(frozen=True, slots=True, eq=False)
class MouthInterior:
    """The inside of a mouth: drawn, and as the portrait shows it if its lips are apart.

    Attributes:
        teeth: `(1, 4, H, W)` over a part of the portrait: colours of the drawn upper teeth, and how much of a pixel
            they cover.
        depth: `(3,)` colour of the depth of the mouth.
        tongue: `(3,)` colour of the tongue.
        shown: `(1, 4, H, W)` over the same part: what the portrait shows, continued behind its lips, and 1 above its
            lower lip, 0 below; None if it shows none.
        shows_teeth: How well the portrait shows its teeth, 0 to 1.
        opening: Mean height of the opening in the portrait, pixels.
        origin: x and y of the first pixel of the part, pixels of the portrait.
        width: Width of the mouth, pixels of the portrait.
    """

    teeth: Float[Tensor, "1 4 h w"]
    depth: Float[Tensor, "3"]
    tongue: Float[Tensor, "3"]
    shown: Float[Tensor, "1 4 h w"] | None
    shows_teeth: float
    opening: float
    origin: tuple[int, int]
    width: float

    def at(
        self, upper: Float[Tensor, "b 2 h w"], lower: Float[Tensor, "b 2 h w"], layers: Layers, opening: Opening,
        zoom: Tensor,
    ) -> Float[Tensor, "b 3 h w"]:  # fmt: skip
        """Return the inside of the mouth in frames.

        Args:
            upper: Where pixels come from in the portrait that move with the head, as upper teeth do; x and y, pixels.
            lower: Where they come from if they move with the lower lip, as lower teeth and the tongue do.
            layers: Where the same pixels are between the lips of the frames.
            opening: Of the frames.
            zoom: `(B,)` size of the head in the frames, 1 as in the portrait.
        """
        below, above = (
            part / (self.width * zoom[:, None, None, None]) for part in (layers.below_upper, layers.above_lower)
        )
        back = self._back(below, above, layers.along)
        teeth = self._sampled(self.teeth, upper)
        light = _DIM + (1 - _DIM) * smoothstep(below + above, 0.0, _BRIGHT_OPENING)
        # Where little light comes in, teeth take on the colour of the depth.
        depth = self.depth[:, None, None]
        drawn = back + teeth[:, 3:] * (depth + light * (teeth[:, :3] - depth) - back)
        drawn = _shaded(drawn, below, above)
        if self.shown is None:
            return drawn
        share = (opening.lower - opening.upper).mean(dim=1) / zoom / max(self.opening, 1e-3)
        # A narrow opening of the portrait does not tell what a wide one shows.
        known = (1 - smoothstep(share, *_KNOWN)).clamp(min=self.shows_teeth)
        shown = self._shown_at(upper, lower, layers, share, _shaded(back, below, above))
        return drawn + known[:, None, None, None] * (shown - drawn)

    def _shown_at(
        self, upper: Tensor, lower: Tensor, layers: Layers, share: Tensor, back: Tensor
    ) -> Float[Tensor, "b 3 h w"]:
        """Return what the portrait shows, between lips `share` as far open; below is `back`."""
        assert self.shown is not None
        gap = (layers.below_upper + layers.above_lower).clamp(min=1e-3)
        places = upper + smoothstep(layers.below_upper / gap, 0.0, 1.0) * (lower - upper)
        shown = self._sampled(self.shown, places)[:, :3]
        # Lips that nearly close leave teeth in the dark.
        light, depth = smoothstep(share, *_LIT)[:, None, None, None], self.depth[:, None, None]
        shown = depth + (_DIM + (1 - _DIM) * light) * (shown - depth)
        hanging = self._sampled(self.shown, upper)
        further = back + hanging[:, 3:] * (hanging[:, :3] - back)
        further_open = self.shows_teeth * smoothstep(share, *_FURTHER)
        return shown + further_open[:, None, None, None] * (further - shown)

    def _back(self, below: Tensor, above: Tensor, along: Tensor) -> Float[Tensor, "b 3 h w"]:
        """Return the depth of the mouth and the tongue, from distances to the lips in widths of the mouth."""
        # The tongue lies behind the lower lip and goes with it, under the teeth.
        tongue = (1 - smoothstep(above, *_TONGUE_EDGE)) * (1 - smoothstep((along - 0.5).abs(), 0.15, 0.4))
        tongue = tongue * smoothstep(below + above, 0.08, 0.25)
        depth, colour = (part[:, None, None] for part in (self.depth, self.tongue))
        return depth + tongue * (colour - depth)

    def _sampled(self, picture: Tensor, places: Tensor) -> Tensor:
        shift = torch.tensor(self.origin).to(places)[:, None, None]
        return sample(picture, places - shift, (picture.shape[2], picture.shape[3]))


def _shaded(inside: Tensor, below: Tensor, above: Tensor) -> Tensor:
    """Return the inside of a mouth in the shadow of the lips."""
    for distance, least, length in zip((below, above), _SHADOW, _SHADOW_LENGTH, strict=True):
        inside = inside * (least + (1 - least) * smoothstep(distance, -0.01, length))
    return inside


def make_mouth_interior(
    image: Float[Tensor, "3 h w"], keypoints: Float[Tensor, "68 2"], opening: Opening, *, is_open: bool
) -> MouthInterior:
    """Return the inside of the mouth of a portrait, whose lips are open or closed."""
    width = float(opening.axis[0].norm())
    middle = keypoints[[62, 66]].mean(dim=0)
    height_px, width_px = image.shape[1:]
    left, right = (round(float(middle[0]) + side * 0.8 * width) for side in (-1, 1))
    top, bottom = (round(float(middle[1]) + side * 0.8 * width) for side in (-1, 1))
    # A mouth may lie beyond the edge of the picture: one column or row is left of it then.
    left, top = min(max(left, 0), width_px - 2), min(max(top, 0), height_px - 2)
    right, bottom = max(min(right, width_px - 1), left + 1), max(min(bottom, height_px - 1), top + 1)
    y, x = torch.meshgrid(torch.arange(top, bottom + 1), torch.arange(left, right + 1), indexing="ij")
    layers = layers_at(opening, torch.stack((x, y))[None].to(image))
    skin, lips = (
        _colour(image, keypoints, (*JAW[2:5], *JAW[12:15], *NOSE[:3])),
        _colour(image, keypoints, (*UPPER_LIP, *LOWER_LIP)),
    )
    depth, teeth = _DEPTH * lips * torch.tensor(_DARK_RED).to(lips), _drawn(layers, skin, width)
    height, shown, shows_teeth = float((opening.lower - opening.upper).mean()), None, 0.0
    if is_open:
        drawn = depth[:, None, None] + teeth[:, 3:] * (teeth[:, :3] - depth[:, None, None])
        shown = _extended(image[None, :, top : bottom + 1, left : right + 1], layers, drawn, width)
        shown = torch.cat((shown, smoothstep(layers.above_lower / width, *_HANGING)), dim=1)
        shows_teeth = _shows_teeth(image[:, top : bottom + 1, left : right + 1], layers, skin, height / width)
    return MouthInterior(teeth, depth, _TONGUE * lips, shown, shows_teeth, height, (left, top), width)


def _shows_teeth(shown: Tensor, layers: Layers, skin: Tensor, opening: float) -> float:
    """Return how well teeth are shown, 0 to 1: lips are apart, and a part of what is between is bright."""
    between = (layers.below_upper > 0) & (layers.above_lower > 0) & ((layers.along - 0.5).abs() < 0.3)
    grey = shown.mean(dim=0)[between[0, 0]]
    if not len(grey):
        return 0.0
    bright = smoothstep(grey.quantile(0.75) / skin.mean().clamp(min=1e-3), *_BRIGHT)
    return float(bright * smoothstep(torch.tensor(opening), *_WELL_SHOWN))


def _colour(image: Tensor, keypoints: Tensor, index: tuple[int, ...]) -> Float[Tensor, "3"]:
    """Return the median colour at some keypoints, moved a little towards the middle of the face."""
    points = keypoints[list(index)]
    points = points + 0.15 * (keypoints[33] - points)
    values = sample(image[None], points.T[None, :, None], (image.shape[1], image.shape[2]))
    return values[0, :, 0].median(dim=1).values


def _drawn(layers: Layers, skin: Tensor, width: float) -> Float[Tensor, "1 4 h w"]:
    """Return the upper teeth, and how much of a pixel they cover."""
    side, below = (layers.along - 0.5).abs(), layers.below_upper / width
    white = skin.mean() * torch.tensor(_WHITE).to(skin)
    # They lie on an arch, which turns away from the light.
    light = _TEETH * (1 - 0.65 * smoothstep(side, 0.1, 0.45))
    length = _TEETH_LENGTH * (1 - 1.4 * side.square())
    for start, stop in zip(_GAPS, (*_GAPS[1:], 0.5), strict=True):
        across = ((2 * side - start - stop) / (stop - start)).abs()
        length = length - (across < 1) * _ROUNDING * across.clamp(max=1) ** 4
    for gap in _GAPS:
        light = light * (1 - 0.2 * torch.exp(-((side - gap) / 0.009).square()))
    teeth = light * (0.55 * skin + 0.45 * white)[None, :, None, None]
    cover = smoothstep(length - below, -0.012, 0.012) * (1 - smoothstep(side, 0.34, 0.44))
    return torch.cat((teeth, cover), dim=1)


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
