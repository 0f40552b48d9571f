"""What the painting network sees: the warped mouth, that of the portrait, and maps of where its parts are."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from kp_render.geometry.landmarks import JAW, LIPS_LOWER, LIPS_UPPER, MOUTH_LOWER, MOUTH_UPPER, NOSE
from kp_render.painting.mouth_crop import SIDE, MouthCrop, place_mouth_crop, square, still_motion
from kp_render.warp.opening import find_opening, layers_at
from kp_render.warp.portrait_warp import PortraitWarp, WarpedFrames
from kp_render.warp.sampling import sample, smoothstep

#: Keypoints that share a map: the lips outside and inside, and what is around the mouth.
_GROUPS = (tuple(range(48, 60)), tuple(range(60, 68)), (*JAW, *NOSE))
#: Radius of a keypoint in its map, pixels of the square.
_DOT_PX = 1.5
#: Channels of `network_input`.
NUM_CHANNELS = 3 + 3 + 2 + 1 + 1 + 2 * len(_GROUPS)
#: Channels of the opening of the mouth, of the lips, and the one that has a sign along x, the shift.
MOUTH_CHANNEL, LIPS_CHANNEL, SHIFT_X_CHANNEL = 8, 9, 6
#: What belongs to the lips: up to the second distance from their outer edge, pixels of the square; from there it fades.
_LIPS_MARGIN = (5.0, 2.0)


class MouthView(NamedTuple):
    """Mouths and what is around them, in the network's square.

    Attributes:
        warped: `(B, 3, S, S)` of frames, in [0, 1].
        portrait: `(B, 3, S, S)` of their portraits, in [0, 1].
        shift: `(B, 2, S, S)` from each pixel to where it comes from, sides of the square divided by 2.
        keypoints: `(B, 68, 2)` of the frames, pixels of the square.
        portrait_keypoints: `(B, 68, 2)` of the portraits, likewise.
    """

    warped: Float[Tensor, "b 3 s s"]
    portrait: Float[Tensor, "b 3 s s"]
    shift: Float[Tensor, "b 2 s s"]
    keypoints: Float[Tensor, "b 68 2"]
    portrait_keypoints: Float[Tensor, "b 68 2"]


def view_portrait(warp: PortraitWarp) -> tuple[MouthCrop, Tensor, Tensor]:
    """Return the square on a portrait's own mouth, what it shows, and the keypoints in it."""
    own = place_mouth_crop(warp.head, still_motion(warp.head))
    return own, own.cut(warp.source, warp.size), own.points_from_frame(warp.rest[None])


def view_mouth(
    warp: PortraitWarp, warped: WarpedFrames, portrait: tuple[MouthCrop, Tensor, Tensor]
) -> tuple[MouthCrop, MouthView]:
    """Return the squares on the mouths of warped frames, and what they show."""
    crop = place_mouth_crop(warp.head, warped.motion)
    own, picture, own_points = portrait
    count = len(warped.frames)
    middles = square(SIDE).to(picture)
    came_from = sample(warped.places, crop.to_frame(middles), warp.size)
    shift = MouthCrop(own.middle.expand(count, -1), own.axes.expand(count, -1, -1)).from_frame(came_from) - middles
    return crop, MouthView(
        crop.cut(warped.frames, warp.size),
        picture.expand(count, -1, -1, -1),
        shift,
        crop.points_from_frame(warped.keypoints),
        own_points.expand(count, -1, -1),
    )


def network_input(view: MouthView) -> Float[Tensor, "b c s s"]:
    """Return the channels of the network: both pictures, the shift, masks of mouth and lips, keypoints as dots."""
    maps = (view.warped - 0.5, view.portrait - 0.5, 4 * view.shift.clamp(-0.5, 0.5))
    masks = (mouth_mask(view.keypoints), lips_mask(view.keypoints))
    return torch.cat((*maps, *masks, _dots(view.keypoints), _dots(view.portrait_keypoints)), dim=1)


def mouth_mask(keypoints: Float[Tensor, "b 68 2"]) -> Float[Tensor, "b 1 s s"]:
    """Return how much of each pixel lies between the lips, 0 to 1."""
    layers = layers_at(
        find_opening(keypoints[:, list(MOUTH_UPPER)], keypoints[:, list(MOUTH_LOWER)]), _pixels(keypoints)
    )
    return 1 - layers.upper - layers.lower


def lips_mask(keypoints: Float[Tensor, "b 68 2"]) -> Float[Tensor, "b 1 s s"]:
    """Return how much of each pixel belongs to the lips or lies between them, 0 to 1."""
    lips = find_opening(keypoints[:, list(LIPS_UPPER)], keypoints[:, list(LIPS_LOWER)])
    layers = layers_at(lips, _pixels(keypoints))
    length = lips.axis.norm(dim=1)[:, None, None, None]
    to_corners = torch.minimum(layers.along, 1 - layers.along) * length
    within = torch.minimum(torch.minimum(layers.below_upper, layers.above_lower), to_corners)
    far, near = _LIPS_MARGIN
    return smoothstep(within, -far, -near)


def _pixels(keypoints: Tensor) -> Float[Tensor, "b 2 s s"]:
    pixels = (square(SIDE).to(keypoints) + 1) * (SIDE / 2) - 0.5
    return pixels.expand(len(keypoints), -1, -1, -1)


def _dots(keypoints: Float[Tensor, "b 68 2"]) -> Float[Tensor, "b g s s"]:
    """Draw keypoints as soft dots, one map for each group."""
    steps = torch.arange(SIDE).to(keypoints)
    x, y = (torch.exp(-0.5 * ((steps - part[..., None]) / _DOT_PX).square()) for part in keypoints.unbind(dim=2))
    maps = [torch.einsum("bkx,bky->byx", x[:, list(group)], y[:, list(group)]) for group in _GROUPS]
    return torch.stack(maps, dim=1).clamp(max=1)
