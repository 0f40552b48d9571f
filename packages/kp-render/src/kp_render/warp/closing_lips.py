"""Lips of a portrait that shows its teeth, as they look when they close."""

import torch
from jaxtyping import Float
from torch import Tensor

from kp_render.warp.filtering import blur
from kp_render.warp.opening import Opening, layers_at, rounded
from kp_render.warp.sampling import pixel_grid, smoothstep

#: What is this near to a round opening is not lip for sure, relative to the width of the mouth.
_MARGIN = 0.03
#: Lips this far around it give their colours, relative to the width of the mouth.
_RING = 0.16
#: Widths over which they spread, likewise; the nearest lip counts.
_SPREADS = (0.012, 0.025, 0.05, 0.1)
#: Lips are those of the portrait between the second and the third opening, relative to its own, and have no teeth below
#: the first and above the last.
_OPENINGS = (0.2, 0.7, 1.1, 1.5)


def lips_without_teeth(image: Float[Tensor, "3 h w"], opening: Opening) -> Float[Tensor, "1 3 h w"]:
    """Return a portrait whose teeth and the dark around them are covered by the colours of the lips.

    Keypoints have three points for the edge of a lip between the corners, and lips are rounder than the line through
    them: teeth that lie beyond that line would move with the lips, and stay between them when they close.

    Args:
        image: RGB in [0, 1].
        opening: Of the one portrait.
    """
    size = (image.shape[1], image.shape[2])
    width = float(opening.axis[0].norm())
    layers = layers_at(rounded(opening), pixel_grid(*size, size)[None].to(image))
    within = torch.minimum(layers.below_upper, layers.above_lower) / width
    # Beyond the corners the opening ends.
    beyond = torch.maximum(-layers.along, layers.along - 1)
    within = torch.minimum(within, -beyond)
    inside = smoothstep(within, -_MARGIN, -_MARGIN / 2)
    lips = (1 - inside) * smoothstep(within, -_RING, -_RING / 2)
    filled, weight = torch.zeros_like(image[None]), torch.zeros_like(lips)
    for spread in _SPREADS:
        sigma = max(0.8, spread * width)
        near = blur(lips, sigma)
        take = smoothstep(near, 0.02, 0.1) * (1 - weight)
        filled, weight = filled + take * blur(lips * image[None], sigma) / near.clamp(min=1e-4), weight + take
    cover = inside * weight
    return image[None] + cover * (filled / weight.clamp(min=1e-4) - image[None])


def changed(height: Float[Tensor, " b"], own_height: float) -> Float[Tensor, " b"]:
    """Return how far lips close or open, 0 as in the portrait to 1, from the heights of the openings of frames.

    Example:
        >>> changed(torch.tensor([0.0, 4.0, 9.0]), 4.0)
        tensor([1., 0., 1.])
    """
    share = height / max(own_height, 1e-3)
    closed, less, more, opened = _OPENINGS
    return 1 - smoothstep(share, closed, less) + smoothstep(share, more, opened)
