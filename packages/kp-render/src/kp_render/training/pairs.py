"""Examples to learn from: two frames of a video, one as the portrait, the other as what it should look like."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from kp_render.inference.render import face_region
from kp_render.painting.conditions import MouthView, view_mouth, view_portrait
from kp_render.painting.mouth_crop import SIDE
from kp_render.warp.portrait_warp import make_portrait_warp

#: Channels of an example: the warped face, the portrait and the truth in RGB, and the shift.
_CHANNELS = 11
#: Frames nearer than this look alike.
_FEWEST_FRAMES_APART = 5


class Pairs(NamedTuple):
    """Examples of one video, as they are stored.

    Attributes:
        pictures: `(N, 11, S, S)` uint8: warped face, portrait and truth in RGB, and the shift.
        keypoints: `(N, 2, 68, 2)` float32 of the truth and of the portrait, pixels of the square.
    """

    pictures: UInt8[np.ndarray, "n c s s"]
    keypoints: Float[np.ndarray, "n 2 68 2"]

    def save(self, folder: Path, name: str) -> None:
        """Write both arrays, the keypoints last: where they are, the example is whole."""
        for kind, array in (("pictures", self.pictures), ("keypoints", self.keypoints)):
            partial = folder / f"{name}.{kind}.partial.npy"
            np.save(partial, array)
            partial.replace(folder / f"{name}.{kind}.npy")

    @classmethod
    def load(cls, keypoint_file: Path) -> "Pairs":
        """Open what `save` has written; pictures are read from the disk when they are used."""
        pictures = keypoint_file.with_name(keypoint_file.name.replace(".keypoints.", ".pictures."))
        return cls(np.load(pictures, mmap_mode="r"), np.load(keypoint_file))


def make_pairs(
    frames: list[UInt8[np.ndarray, "h w 3"]],
    keypoints: Float[Tensor, "t 68 2"],
    measured: list[int],
    *,
    portraits: int,
    targets: int,
    seed: int,
) -> Pairs | None:
    """Choose frames of a video by chance, and warp some of them to others.

    Args:
        frames: All frames, RGB.
        keypoints: Of each frame, pixels.
        measured: Frames with a face that was found.
        portraits: How many frames serve as portraits.
        targets: To how many others each is warped.
        seed: Of the choice.

    Returns:
        The examples; None where the video is too short or its face is too small.
    """
    chance = np.random.default_rng(seed)
    found = list(_warped(frames, keypoints, measured, portraits, targets, chance))
    if not found:
        return None
    return Pairs(np.concatenate([part[0] for part in found]), np.concatenate([part[1] for part in found]))


def _warped(
    frames: list[np.ndarray],
    keypoints: Tensor,
    measured: list[int],
    portraits: int,
    targets: int,
    chance: np.random.Generator,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if len(measured) < 2 * _FEWEST_FRAMES_APART:
        return
    for still in chance.choice(measured, min(portraits, len(measured)), replace=False).tolist():
        far = [index for index in measured if abs(index - still) >= _FEWEST_FRAMES_APART]
        chosen = chance.choice(far, min(targets, len(far)), replace=False).tolist()
        points = keypoints[chosen]
        left, top, right, bottom = face_region(keypoints[still], points, frames[still].shape[:2])
        shift = torch.tensor([left, top])
        parts = torch.stack([_picture(frames[index][top:bottom, left:right]) for index in (still, *chosen)])
        try:
            warp = make_portrait_warp(parts[0], keypoints[still] - shift)
        except ValueError:  # a profile
            continue
        with torch.inference_mode():
            warped = warp.in_parts(points - shift)
            crop, view = view_mouth(warp, warped, view_portrait(warp))
            yield _stored(view, crop.cut(parts[1:], warp.size))


def _picture(frame: np.ndarray) -> Tensor:
    return torch.from_numpy(frame.copy()).permute(2, 0, 1).float() / 255


def _stored(view: MouthView, truth: Tensor) -> tuple[np.ndarray, np.ndarray]:
    shift = view.shift.clamp(-0.5, 0.5) + 0.5
    pictures = torch.cat((view.warped, view.portrait, truth, shift), dim=1)
    points = torch.stack((view.keypoints, view.portrait_keypoints), dim=1)
    return (pictures * 255).round().clamp(0, 255).byte().numpy(), points.float().numpy()


def unpack(
    pictures: UInt8[Tensor, "b c s s"], keypoints: Float[Tensor, "b 2 68 2"]
) -> tuple[MouthView, Float[Tensor, "b 3 s s"]]:
    """Return stored examples as what the network sees, and the truth.

    Raises:
        ValueError: They were stored by another release.
    """
    if tuple(pictures.shape[1:]) != (_CHANNELS, SIDE, SIDE):
        raise ValueError(
            f"expected examples of shape {(_CHANNELS, SIDE, SIDE)}, got {tuple(pictures.shape[1:])}; make them again"
        )
    parts = pictures.float() / 255
    view = MouthView(parts[:, :3], parts[:, 3:6], parts[:, 9:] - 0.5, keypoints[:, 0], keypoints[:, 1])
    return view, parts[:, 6:9]
