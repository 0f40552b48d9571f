"""Which pixels of a portrait are the person, by GrabCut from OpenCV."""

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from kp_render.geometry.head_pose import fit_head_pose
from kp_render.geometry.landmarks import JAW, STABLE
from kp_render.geometry.mean_head import HALF_WIDTH, head_radius, mean_head
from kp_render.warp.filtering import blur, guided_blur

#: GrabCut works on a picture of at most this side, pixels: larger ones take long and cut no better.
_SIDE = 384
_ITERATIONS = 5
#: The head may reach to this radius, 1 at the silhouette of a mean head; beyond the second, above the chin, is nobody.
_HEAD, _FAR = 1.15, 1.9
#: From the root of the nose back to the middle of the skull, millimetres.
_SKULL_MM = 80.0
#: Half widths of what is below a chin, in half widths of the head: at the chin, and how much wider for each one below.
_SHOULDERS, _SLOPE = 1.0, 1.0
#: Within this radius is the head, whatever its colour, and so is what is below the chin, in half widths of the head.
_SURE_HEAD, _SURE_NECK, _SURE_SLOPE = 0.88, 0.25, 0.45
#: Width of the soft rim, and least contrast that it follows, of the cut picture.
_RIM_PX, _CONTRAST = 7, 3e-3


def find_person(picture: UInt8[np.ndarray, "h w 3"], keypoints: Float[Tensor, "68 2"]) -> Float[Tensor, "1 1 h w"]:
    """Return how much of each pixel is the person whose face has the keypoints, 0 to 1.

    The face tells where to look for head, hair and shoulders, and GrabCut (Rother et al. 2004) finds their outline by
    colour. It errs where hair or clothes have the colours of what is behind, and on single hairs.

    Args:
        picture: RGB.
        keypoints: Pixels.
    """
    height, width = picture.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    small_size = (max(2, round(height * scale)), max(2, round(width * scale)))
    small = cv2.resize(picture, small_size[::-1], interpolation=cv2.INTER_AREA)
    guess = _guess(keypoints * scale, small_size)
    if (guess == cv2.GC_BGD).any():
        cv2.setRNGSeed(0)  # GrabCut starts its colour models by chance
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(small[..., ::-1].copy(), guess, None, *models, _ITERATIONS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    found = np.isin(guess, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    found = _whole(found, keypoints.numpy() * scale)
    cover = torch.from_numpy(found)[None, None].float()
    guide = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255
    soft = guided_blur(guide, cover, _RIM_PX, _CONTRAST).clamp(0, 1)
    soft = torch.nn.functional.interpolate(soft, size=(height, width), mode="bilinear", align_corners=False)
    return ((soft - 0.1) / 0.8).clamp(0, 1)


def person_alone(picture: Float[Tensor, "1 3 h w"], cover: Float[Tensor, "1 1 h w"]) -> Float[Tensor, "1 3 h w"]:
    """Return a picture whose person's colours go on behind their outline, so that no old background shines through."""
    return _spread(picture, (cover > 0.95).to(picture), cover)


def without_person(picture: Float[Tensor, "1 3 h w"], cover: Float[Tensor, "1 1 h w"]) -> Float[Tensor, "1 3 h w"]:
    """Return a picture in which the background goes on behind the person."""
    return _spread(picture, (cover < 0.02).to(picture), 1 - cover)


def _spread(picture: Tensor, known: Tensor, cover: Tensor) -> Tensor:
    """Fill what is not known by the nearest known colours, and keep the rest."""
    filled, weight = torch.zeros_like(picture), torch.zeros_like(known)
    side = min(picture.shape[2:])
    for share in (0.006, 0.02, 0.06, 0.2, 0.5):
        # A small picture is as good for wide blurs, and far faster.
        factor = max(1, int(share * side / 4))
        size = tuple(max(4, length // factor) for length in picture.shape[2:])
        small, where = (
            torch.nn.functional.interpolate(part, size=size, mode="area") for part in (picture * known, known)
        )
        sigma = max(0.7, share * side / factor)
        near = blur(where, sigma)
        colour = blur(small, sigma) / near.clamp(min=1e-4)
        near, colour = (
            torch.nn.functional.interpolate(part, size=picture.shape[2:], mode="bilinear", align_corners=False)
            for part in (near, colour)
        )
        take = (near / 0.05).clamp(0, 1) * (1 - weight)
        filled, weight = filled + take * colour, weight + take
    filled = filled / weight.clamp(min=1e-4)
    return torch.where(cover > 0.95, picture, filled)


def _guess(keypoints: Tensor, size: tuple[int, int]) -> UInt8[np.ndarray, "h w"]:
    """Return what the face tells of the person: GrabCut's marks for sure and likely, person and background."""
    pose = fit_head_pose(mean_head()[list(STABLE)], keypoints[None, list(STABLE)])
    scale, rotation = float(pose.scale[0]), pose.rotation[0]
    shift = pose.shift[0] + scale * _SKULL_MM * rotation[:2, 2]  # the outline is that of the skull, behind the face
    y, x = torch.meshgrid(torch.arange(size[0]).float(), torch.arange(size[1]).float(), indexing="ij")
    upright = torch.atan2(rotation[1, 0], rotation[0, 0])
    across, down = (x - shift[0]) / scale, (y - shift[1]) / scale
    head_x = across * upright.cos() + down * upright.sin()
    head_y = down * upright.cos() - across * upright.sin()
    radius = head_radius(head_x, head_y)
    middle, chin = keypoints[[27, 33, 8], 0].mean(), keypoints[8, 1]
    below = (y - chin) / (scale * HALF_WIDTH)
    sideways = (x - middle).abs() / (scale * HALF_WIDTH)
    body = (below > -0.2) & (sideways < _SHOULDERS + _SLOPE * below.clamp(min=0))
    marks = torch.full(size, cv2.GC_PR_BGD, dtype=torch.uint8)
    marks[(radius < _HEAD) | body] = cv2.GC_PR_FGD
    marks[(below < -0.2) & (radius > _FAR)] = cv2.GC_BGD
    marks[(below < 0.3) & (sideways > 2.6)] = cv2.GC_BGD
    marks[(radius < _SURE_HEAD) | ((below > 0.1) & (sideways < _SURE_NECK + _SURE_SLOPE * below))] = cv2.GC_FGD
    found = marks.numpy()
    brows = keypoints[17:27] - 0.3 * (keypoints[33] - keypoints[27])
    face = torch.cat((keypoints[list(JAW)], brows.flip(0)))
    cv2.fillConvexPoly(found, cv2.convexHull(face.round().int().numpy()), int(cv2.GC_FGD))
    return found


def _whole(found: UInt8[np.ndarray, "h w"], keypoints: np.ndarray) -> UInt8[np.ndarray, "h w"]:
    """Keep the part that the face is in, and fill its holes."""
    smooth = cv2.medianBlur(found, 5)
    _, parts = cv2.connectedComponents(smooth)
    x, y = np.clip(keypoints[30].round().astype(int), 0, np.array(found.shape[::-1]) - 1)
    person = (parts == parts[y, x]).astype(np.uint8) if parts[y, x] else smooth
    count, holes, stats, _ = cv2.connectedComponentsWithStats(1 - person)
    for index in range(1, count):
        left, top, wide, high = stats[index, :4]
        touches = left == 0 or top == 0 or left + wide == found.shape[1] or top + high == found.shape[0]
        if not touches and stats[index, cv2.CC_STAT_AREA] < 0.01 * found.size:
            person[holes == index] = 1
    return person
