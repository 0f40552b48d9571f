"""The paper's Figure 3: the same clip by every variant, one strip of drawn faces each, the truth on top."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from kp_io import method_sheet, rasterize

#: Room around the faces, as a share of the longer side of what they take.
_MARGIN = 0.08


def draw_strips(
    rows: Mapping[str, Float[Tensor, "t k d"]],
    *,
    fps: float,
    columns: int = 8,
    height: int = 220,
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw keypoints of one clip, a row for each prediction and a column for each moment; no footage is in it.

    All rows have one frame of reference, so that a face of another size or place shows.

    Args:
        rows: Keypoints `(T, 68, D)`, D 2 or 3, in pixels of one picture by the label of their row, the truth first.
        fps: Frames a second, for the times above the columns.
        columns: Moments, spread evenly from the first frame to the last.
        height: Height of a face's cell, pixels.

    Raises:
        ValueError: There is no row, the rows differ in length, or there are fewer than two columns.

    Example:
        >>> faces = torch.rand(30, 68, 2) * 100
        >>> draw_strips({"truth": faces, "final": faces}, fps=25.0, columns=4, height=100).ndim
        3
    """
    lengths = {len(points) for points in rows.values()}
    if len(lengths) != 1 or columns < 2:
        raise ValueError(f"expected rows of one length and at least two columns, got {sorted(lengths)} and {columns}")
    last = lengths.pop() - 1
    moments = [round(i * last / (columns - 1)) for i in range(columns)]
    shown = {label: points[moments, :, :2] for label, points in rows.items()}
    everything = torch.stack(list(shown.values()))
    low, high = everything.amin(dim=(0, 1, 2)), everything.amax(dim=(0, 1, 2))
    room = _MARGIN * float((high - low).max().clamp(min=1.0))
    # Drawn twice as large and scaled down: thin lines of small faces stay clear.
    scale = 2 * height / float((high - low)[1] + 2 * room)
    width = max(1, round(float((high - low)[0] + 2 * room) * scale))
    pictures = []
    for points in shown.values():
        placed = (points - low + room) * scale
        pictures.append(list(rasterize(placed, image_size=(2 * height, width), thickness=max(1, height // 50))))
    times = [f"{moment / fps:.2f} s" for moment in moments]
    return method_sheet(pictures, labels=list(shown), column_labels=times, height=height)
