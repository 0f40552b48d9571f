"""Detect face boxes with S3FD, all candidates of all levels and images at once."""

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from kp_io.detectors.face_alignment.crop import Box

_MEAN_RGB = (123.0, 117.0, 104.0)
_SMALLEST_SIDE = 32  # five halvings
# S3FD's anchors are four strides wide; its offsets are trained in these units.
_ANCHOR = 4
_OFFSET_UNIT, _SIZE_UNIT = 0.1, 0.2

_MIN_SCORE = 0.5
_MAX_OVERLAP = 0.3


def find_faces(
    network: nn.Module, image: UInt8[np.ndarray, "h w 3"], *, longest: int, device: torch.device
) -> list[Box]:
    """Return the boxes of the faces of one image, the largest first.

    Args:
        network: S3FD.
        image: RGB pixels.
        longest: Larger images are scaled down to this longest side, pixels.
        device: Device of the network.
    """
    scale = min(1.0, longest / max(image.shape[:2]))
    if scale < 1:
        image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    below, beside = (max(0, _SMALLEST_SIDE - side) for side in image.shape[:2])
    image = np.pad(image, ((0, below), (0, beside), (0, 0)))
    pixels = torch.from_numpy(image).to(device)[None].permute(0, 3, 1, 2).float()
    found = find_boxes(network, pixels)[0][:, :4] / scale
    areas = (found[:, 2] - found[:, 0]) * (found[:, 3] - found[:, 1])
    return [Box(*corners) for corners in found[areas.argsort(descending=True)].tolist()]


def find_boxes(network: nn.Module, images: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "n 5"]]:
    """Return the boxes of every image, edges in pixels and a score each, highest score first, on the CPU.

    Candidates with low scores are dropped before overlapping ones, not after as in the library. The result is the same,
    because a candidate is dropped only for one with a higher score.

    Args:
        network: S3FD, which returns a list: scores and offsets of each of its six levels in turn.
        images: RGB, 0 to 255.
    """
    output = network((images - images.new_tensor(_MEAN_RGB)[:, None, None]).flip(1))
    levels = zip(output[::2], output[1::2], strict=True)
    candidates = torch.cat(
        [_candidates(s.float(), o.float(), stride=4 << level) for level, (s, o) in enumerate(levels)], dim=1
    )
    certain = candidates[..., 4] > _MIN_SCORE
    counts = certain.sum(dim=1).tolist()
    return [_drop_overlapping(boxes) for boxes in torch.split(candidates[certain].cpu(), counts)]


def _candidates(
    scores: Float[Tensor, "b 2 h w"], offsets: Float[Tensor, "b 4 h w"], *, stride: int
) -> Float[Tensor, "b n 5"]:
    """Return a box and its score for every position of a level."""
    rows, columns = scores.shape[-2:]
    y = (torch.arange(rows, device=scores.device) + 0.5) * stride
    x = (torch.arange(columns, device=scores.device) + 0.5) * stride
    anchors = torch.stack(torch.meshgrid(x, y, indexing="xy"))
    side = _ANCHOR * stride
    centres = anchors + offsets[:, :2] * (_OFFSET_UNIT * side)
    sizes = side * torch.exp(offsets[:, 2:] * _SIZE_UNIT)
    low = centres - sizes / 2
    return torch.cat((low, low + sizes, scores.softmax(dim=1)[:, 1:]), dim=1).flatten(2).transpose(1, 2)


def _drop_overlapping(boxes: Float[Tensor, "n 5"]) -> Float[Tensor, "m 5"]:
    """Suppress all but the highest-scoring of overlapping boxes: one step per box kept."""
    left = boxes[boxes[:, 4].argsort(descending=True)]
    kept = []
    while len(left):
        kept.append(left[0])
        # The library counts widths and heights one pixel larger.
        edges = torch.minimum(left[0, 2:4], left[:, 2:4]) - torch.maximum(left[0, :2], left[:, :2]) + 1
        shared = edges.clamp(min=0).prod(dim=1)
        areas = (left[:, 2:4] - left[:, :2] + 1).prod(dim=1)
        apart = shared / (areas[0] + areas - shared) <= _MAX_OVERLAP
        apart[0] = False
        left = left[apart]
    return torch.stack(kept) if kept else boxes
