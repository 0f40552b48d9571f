"""The paper's Figure 3: one clip by every variant, as rows of drawn faces with the ground truth on top."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from kp_io import method_sheet, rasterize

#: Margin around the faces, as a share of the longer side of their bounding box.
_MARGIN = 0.08


def draw_figure3(
    rows: Mapping[str, Float[Tensor, "t k d"]],
    *,
    fps: float,
    columns: int = 8,
    height: int = 220,
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw keypoints of one clip, one row per prediction and one column per time; it contains no footage.

    All rows share one coordinate frame, so that differences in size and position are visible.

    Args:
        rows: Keypoints `(T, 68, D)`, D 2 or 3, in pixels of one picture by the label of their row, the truth first.
        fps: Frames per second, for the times above the columns.
        columns: Number of times, spread evenly from the first frame to the last.
        height: Height of a cell, pixels.

    Raises:
        ValueError: There is no row, the rows differ in length, or there are fewer than two columns.

    Example:
        >>> faces = torch.rand(30, 68, 2) * 100
        >>> draw_figure3({"truth": faces, "final": faces}, fps=25.0, columns=4, height=100).ndim
        3
    """
    lengths = {len(points) for points in rows.values()}
    if len(lengths) != 1 or columns < 2:
        raise ValueError(f"expected rows of one length and at least two columns, got {sorted(lengths)} and {columns}")
    last = lengths.pop() - 1
    frames = [round(i * last / (columns - 1)) for i in range(columns)]
    selected = {label: points[frames, :, :2] for label, points in rows.items()}
    stacked = torch.stack(list(selected.values()))
    low, high = stacked.amin(dim=(0, 1, 2)), stacked.amax(dim=(0, 1, 2))
    margin = _MARGIN * float((high - low).max().clamp(min=1.0))
    # Drawn at twice the size and scaled down, so that thin lines of small faces stay clear.
    scale = 2 * height / float((high - low)[1] + 2 * margin)
    width = max(1, round(float((high - low)[0] + 2 * margin) * scale))
    pictures = []
    for points in selected.values():
        shifted = (points - low + margin) * scale
        pictures.append(list(rasterize(shifted, image_size=(2 * height, width), thickness=max(1, height // 50))))
    times = [f"{frame / fps:.2f} s" for frame in frames]
    return method_sheet(pictures, labels=list(selected), column_labels=times, height=height)
