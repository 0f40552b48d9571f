"""Draw what kp-render makes of one portrait: mouths, turns of the head, and backgrounds, failures among them."""

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import torch

from kp_io import annotate_image
from kp_render import mark_generated, render_portrait
from kp_render.geometry.head_pose import fit_head_pose
from kp_render.geometry.landmarks import JAW, LOWER_LIP, STABLE
from kp_render.geometry.mean_head import mean_head

#: Side of a cell, pixels.
_CELL = 240


def draw_portrait(picture: np.ndarray, path: Path) -> None:
    """Write the picture: mouths and turns of a portrait, then turns too far and backgrounds."""
    still = annotate_image(picture).keypoints[0, :, :2]
    width = (still[64] - still[60]).norm()
    closed, half, wide = (_opened(still, float(width) * height) for height in (0.0, 0.1, 0.45))
    poses = [still, closed, half, wide, _turned(still, 15), _turned(still, -25), _turned(still, 40), _turned(still, 65)]
    frames = _frames(picture, still, poses)
    first = [picture, *frames[1:6]]
    changed = [
        _frames(picture, still, [half], background=name)[0] for name in ("blur", "#00b140", "#f4efe6", "#20242c")
    ]
    cells = [[next(mark_generated([_cell(frame, still)])) for frame in row] for row in (first, frames[6:] + changed)]
    cells[0][0] = _cell(picture, still)  # the photo itself
    rows = [np.concatenate(row, axis=1) for row in cells]
    if not cv2.imwrite(str(path), np.concatenate(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88]):
        raise OSError(f"expected to write {path}")


def _frames(picture: np.ndarray, still: torch.Tensor, poses: list[torch.Tensor], **options: str) -> list[np.ndarray]:
    talk = SimpleNamespace(keypoints=torch.stack([still, *poses]), image_size=picture.shape[:2])
    return list(render_portrait(picture, talk, reference=still, **options))[1:]  # type: ignore[arg-type]


def _opened(still: torch.Tensor, height: float) -> torch.Tensor:
    """Return a face whose inner lips are a height apart in the middle."""
    points = still.clone()
    down = height - (still[66] - still[62])[1]
    points[list(LOWER_LIP), 1] += down
    points[[67, 66, 65], 1] = torch.maximum(points[[67, 66, 65], 1], points[[61, 62, 63], 1])
    points[list(JAW[4:13]), 1] += 0.7 * down
    return points


def _turned(still: torch.Tensor, degrees: float) -> torch.Tensor:
    """Return a face that turns aside, at the depths of a mean head."""
    pose = fit_head_pose(mean_head()[list(STABLE)], still[None, list(STABLE)])
    depth = float(pose.scale[0]) * (mean_head() @ pose.rotation[0, 2])
    angle = torch.deg2rad(torch.tensor(degrees))
    middle, back = still[27, 0], float(pose.scale[0]) * 80
    points = still.clone()
    points[:, 0] = middle + (still[:, 0] - middle) * angle.cos() + (depth - back) * angle.sin()
    return points


def _cell(frame: np.ndarray, still: torch.Tensor) -> np.ndarray:
    x, y = still.mean(dim=0).int().tolist()
    half = int(1.3 * (still[:, 1].max() - still[:, 1].min()))
    part = frame[max(0, y - half) : y + half, max(0, x - half) : x + half]
    return cv2.resize(part, (_CELL, _CELL), interpolation=cv2.INTER_CUBIC)
