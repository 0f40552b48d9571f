"""What is behind the person of a portrait: kept, blurred, one colour, or nothing."""

import re
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from kp_render.extras import how_to_install_kp_io
from kp_render.warp.filtering import blur
from kp_render.warp.portrait_warp import WarpedFrames
from kp_render.warp.sampling import sample_enlarged

_HEX = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")
#: Width of a blurred background, relative to the size of the face.
_BLUR = 0.12


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """A new background of a portrait, or none.

    Attributes:
        person: `(1, 3, H, W)` the picture in [0, 1] whose person's colours go on behind their outline: what is warped.
        cover: `(1, 1, H, W)` how much of each pixel is the person.
        behind: `(1, 3, H, W)` what is behind them; None for transparent frames.
    """

    person: Float[Tensor, "1 3 h w"]
    cover: Float[Tensor, "1 1 h w"]
    behind: Float[Tensor, "1 3 h w"] | None

    def cut(self, left: int, top: int, right: int, bottom: int) -> "Background":
        """Return the same of a part of the picture."""
        rows, columns = slice(top, bottom), slice(left, right)
        behind = None if self.behind is None else self.behind[..., rows, columns]
        return Background(self.person[..., rows, columns], self.cover[..., rows, columns], behind)

    def still(self) -> Float[Tensor, "1 c h w"]:
        """Return the portrait on its new background."""
        return self._put(self.person, self.cover)

    def moved(self, frames: Float[Tensor, "b 3 h w"], warped: WarpedFrames) -> Float[Tensor, "b c h w"]:
        """Return frames of the person on the background, which stays: RGB, or RGBA if it is transparent."""
        size = (self.cover.shape[2], self.cover.shape[3])
        return self._put(frames, sample_enlarged(self.cover, warped.places, size))

    def _put(self, frames: Tensor, cover: Tensor) -> Tensor:
        if self.behind is None:
            return torch.cat((frames, cover), dim=1)
        return self.behind + cover * (frames - self.behind)


def check_background(name: str) -> None:
    """Refuse what is no background.

    Raises:
        ValueError: It is not keep, blur, transparent or a colour.

    Example:
        >>> check_background("#00b140")
    """
    if name not in ("keep", "blur", "transparent") and not _HEX.fullmatch(name):
        raise ValueError(f"expected a background keep, blur, transparent or a colour such as #00b140, got {name!r}")


def make_background(
    image: UInt8[np.ndarray, "h w 3"], keypoints: Float[Tensor, "68 2"], name: str, *, device: str
) -> Background | None:
    """Find the person of a portrait and make its background; None to keep it.

    Args:
        image: RGB.
        keypoints: Of the face, pixels.
        name: keep, blur, transparent, or a colour as #rrggbb.
        device: Where the result is.

    Raises:
        ValueError: The name is not known.
        ImportError: OpenCV is missing, which comes with kp-io.
    """
    check_background(name)
    if name == "keep":
        return None
    try:
        from kp_render.inference.person import find_person, person_alone, without_person
    except ImportError as error:
        if error.name != "cv2":
            raise
        raise ImportError(
            f"another background needs OpenCV, which comes with kp-io: {how_to_install_kp_io()}", name="cv2"
        ) from None
    cover = find_person(image, keypoints.cpu()).to(device)
    picture = torch.from_numpy(image.copy()).to(device).permute(2, 0, 1)[None].float() / 255
    person = person_alone(picture, cover)
    if name == "transparent":
        return Background(person, cover, None)
    if name == "blur":
        width = float((keypoints.amax(dim=0) - keypoints.amin(dim=0)).amax()) * _BLUR
        return Background(person, cover, _blurred(without_person(picture, cover), width))
    found = _HEX.fullmatch(name)
    assert found is not None
    colour = torch.tensor([int(part, 16) / 255 for part in found.groups()]).to(picture)
    return Background(person, cover, colour[None, :, None, None].expand_as(picture))


def _blurred(picture: Float[Tensor, "1 3 h w"], width: float) -> Float[Tensor, "1 3 h w"]:
    """Blur far; a smaller picture is as good for that, and faster."""
    size = (picture.shape[2], picture.shape[3])
    factor = max(1.0, width / 4)
    small_size = [max(8, round(side / factor)) for side in size]
    small = torch.nn.functional.interpolate(picture, size=small_size, mode="area")
    soft = blur(small, width / factor)
    return torch.nn.functional.interpolate(soft, size=size, mode="bilinear", align_corners=False)
