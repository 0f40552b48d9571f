"""Frames of a warp, corrected by the painting network."""

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor

from kp_render.painting.conditions import MOUTH_CHANNEL, network_input, view_mouth, view_portrait
from kp_render.painting.mouth_crop import MouthCrop, from_square, round_cover
from kp_render.painting.painting_network import PaintingNetwork
from kp_render.warp.portrait_warp import PortraitWarp, WarpedFrames
from kp_render.warp.sampling import pixel_grid, sample

#: What a file of weights says that it is.
KIND = "kp-render painter"


@dataclass(frozen=True, slots=True, eq=False)
class Painter:
    """The painting network for one portrait; `make_painter` makes it, and calling it paints.

    Attributes:
        warp: Of the portrait.
        network: What paints.
        portrait: The square on the portrait's own mouth, what it shows, and the keypoints in it.
    """

    warp: PortraitWarp
    network: PaintingNetwork
    portrait: tuple[MouthCrop, Tensor, Tensor]

    def __call__(self, keypoints: Float[Tensor, "b 68 2"]) -> Float[Tensor, "b 3 h w"]:
        """Return the portrait with the keypoints of B frames, warped and painted, `(B, 3, H, W)` in [0, 1]."""
        return self.paint(self.warp.in_parts(keypoints))

    def paint(self, warped: WarpedFrames) -> Float[Tensor, "b 3 h w"]:
        """Return warped frames with what the network changes, within a circle around the mouth, in full resolution."""
        crop, view = view_mouth(self.warp, warped, self.portrait)
        maps = network_input(view).contiguous(memory_format=torch.channels_last)
        shift, colour = self.network(maps)
        correction = torch.cat((torch.einsum("bij,bjhw->bihw", crop.axes, shift), colour), dim=1)
        # Teeth that the portrait shows well stay as they are: painted ones are a mean of many.
        between_lips = maps[:, MOUTH_CHANNEL, None]
        correction = correction * round_cover().to(colour) * (1 - self.warp.interior.shows_teeth * between_lips)
        size = self.warp.size
        frames = warped.frames.clone()
        whole = pixel_grid(*size, size).to(frames)[None]
        for index in range(len(frames)):
            left, top, right, bottom = crop.bounds(index, size)
            if right <= left or bottom <= top:
                continue
            pixels = whole[..., top:bottom, left:right]
            square = MouthCrop(crop.middle[index : index + 1], crop.axes[index : index + 1])
            change = from_square(correction[index : index + 1], square.from_frame(pixels))
            moved = sample(warped.frames[index : index + 1], pixels + change[:, :2], size, "bicubic")
            frames[index : index + 1, :, top:bottom, left:right] = (moved + change[:, 2:]).clamp(0, 1)
        return frames


def make_painter(warp: PortraitWarp, network: PaintingNetwork) -> Painter:
    """Prepare the painting of a portrait; the network goes to its device.

    Example:
        >>> from kp_render.geometry.mean_head import mean_head
        >>> from kp_render.warp.portrait_warp import make_portrait_warp
        >>> face = mean_head()[:, :2] * 0.4 + 64
        >>> painter = make_painter(make_portrait_warp(torch.rand(3, 128, 128), face), PaintingNetwork())
        >>> painter(face[None] + 2).shape
        torch.Size([1, 3, 128, 128])
    """
    return Painter(warp, network.to(warp.source.device), view_portrait(warp))


def load_painting_network(weights: Path | None = None) -> PaintingNetwork:
    """Load weights, by default those in the package, for inference.

    Raises:
        ValueError: The file holds no weights of this network.
        OSError: It cannot be read.
    """
    if weights is None:
        with as_file(files("kp_render") / "weights" / "painter.safetensors") as path:
            return _load(path)
    return _load(weights)


def _load(path: Path) -> PaintingNetwork:
    network = PaintingNetwork()
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("kind") != KIND:
                raise ValueError(f"expected weights of a painter of kp-render, got {path}")
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        network.load_state_dict(tensors)
    except SafetensorError as error:
        raise ValueError(f"expected weights of a painter of kp-render in {path}: {error}") from None
    except RuntimeError:
        raise ValueError(
            f"expected the layers of this release's painter in {path}, got others; train it again"
        ) from None
    return network.eval().requires_grad_(requires_grad=False)
