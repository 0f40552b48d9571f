"""The paper's detector: the networks of face-alignment with batches, tracking and sub-pixel points."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from kp_io.detectors.base import Detection
from kp_io.detectors.face_alignment.boxes import find_faces
from kp_io.detectors.face_alignment.crop import (
    CROP_SIZE,
    Box,
    bounding_box,
    crop_faces,
    crop_side,
    crop_window,
    has_moved,
    to_image,
)
from kp_io.detectors.face_alignment.depth import predict_depth
from kp_io.detectors.face_alignment.heatmaps import find_peaks, predict_heatmaps
from kp_io.detectors.face_alignment.networks import (
    library_version,
    load_box_network,
    load_depth_network,
    load_point_network,
)
from kp_io.detectors.face_alignment.weights import find_weights, needed_weights
from kp_io.keypoints.layout import IBUG68

# More crops at once exceed a CPU's cache and take longer each. A GPU takes a whole batch.
_MAX_CPU_CROPS = 4

_NUM_POINTS = IBUG68.num_keypoints


class FaceAlignmentDetector:
    """Detector of the 68 iBUG points with FAN, in face boxes from S3FD; the paper annotated with these networks.

    In a video S3FD runs only to find a face; otherwise the box follows the points. All frames of a batch are cropped by
    one box. From the frame on in which the face drifts by more than `max_drift`, a new box is used.

    Args:
        weights: Folder of the weight files; by default torch.hub's, `$TORCH_HOME/hub/checkpoints`.
        device: Device of the networks, such as `"cpu"`, `"cuda"` or `"cuda:1"`.
        dimensions: 2, or 3 for points with a depth: z in pixels, as in the library.
        flip: Whether to average with mirrored crops: steadier, at twice the time.
        batch_size: Best number of frames per call of `track`.
        detect_size: Images are scaled down to this longest side, pixels, to detect faces. The points are found at full
            size.
        dtype: dtype of the point and depth networks; by default bfloat16 on a CUDA device, else float32.
        min_score: A face with a lower mean score of its points counts as lost or not found.
        max_drift: How far a face may drift from its crop's box, as a share of the box's side.

    Raises:
        FileNotFoundError: Weights are missing; the message says which, and where to get them.
        ImportError: The library face-alignment is not installed.
        ValueError: An option is out of its range, the device is not there, or a weight file is damaged.
    """

    def __init__(
        self,
        *,
        weights: Path | None = None,
        device: str | torch.device = "cpu",
        dimensions: Literal[2, 3] = 2,
        flip: bool = True,
        batch_size: int = 16,
        detect_size: int = 640,
        dtype: torch.dtype | None = None,
        min_score: float = 0.2,
        max_drift: float = 0.1,
    ) -> None:
        if dimensions not in (2, 3):
            raise ValueError(f"expected dimensions to be 2 or 3, got {dimensions}")
        if batch_size < 1:
            raise ValueError(f"expected batch_size to be at least 1, got {batch_size}")
        if detect_size < 64:
            raise ValueError(f"expected detect_size to be at least 64 px, got {detect_size}")
        self._version = library_version()
        paths = find_weights(needed_weights(dimensions), weights)
        self._device = _device(device)
        self._dtype = dtype or (torch.bfloat16 if self._device.type == "cuda" else torch.float32)
        # S3FD stays in float32: it runs once in many frames, and its box affects all of them.
        self._boxes = load_box_network(paths[0]).to(self._device)
        self._points = load_point_network(paths[1]).to(self._device, self._dtype)
        self._depth = load_depth_network(paths[2]).to(self._device, self._dtype) if dimensions == 3 else None
        max_crops = _MAX_CPU_CROPS // (1 + flip) if self._device.type == "cpu" else batch_size
        self._crops_per_call = min(batch_size, max_crops)
        self._dimensions, self._flip = dimensions, flip
        self._batch_size, self._detect_size = batch_size, detect_size
        self._min_score, self._max_drift = min_score, max_drift

    @property
    def name(self) -> str:
        """The detector's name in files."""
        return f"face-alignment-{self._version}/{self._dimensions}D-FAN-4{'-flip' if self._flip else ''}"

    @property
    def batch_size(self) -> int:
        """Best number of frames per call of `track`."""
        return self._batch_size

    @torch.inference_mode()
    def detect(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Detection]:
        """Find all faces of an image, the largest first; return an empty list if there is none."""
        boxes = find_faces(self._boxes, image, longest=self._detect_size, device=self._device)
        found = [(points[0], scores[0]) for points, scores in (self._landmarks([image], box) for box in boxes)]
        return [detection for detection in found if self._is_face(detection)]

    @torch.inference_mode()
    def track(
        self, images: Sequence[UInt8[np.ndarray, "_ _ 3"]], previous: Float[Tensor, "k _"]
    ) -> list[Detection | None]:
        """Track the face at `previous` in the frame before the first image; None once it is lost."""
        found: list[Detection | None] = []
        box, retried = bounding_box(previous), -1
        while len(found) < len(images):
            ahead = images[len(found) : len(found) + self._crops_per_call]
            for detection in zip(*self._landmarks(ahead, box), strict=True):
                if not self._is_face(detection):
                    return found + [None] * (len(images) - len(found))
                current = bounding_box(detection[0])
                if has_moved(current, box, bound=self._max_drift):
                    box = current
                    if retried < len(found):  # repeat this frame with the new box, once
                        retried = len(found)
                        break
                    found.append(detection)
                    break
                found.append(detection)
        return found

    def _is_face(self, detection: Detection) -> bool:
        return float(detection[1].mean()) >= self._min_score

    def _landmarks(
        self, images: Sequence[UInt8[np.ndarray, "_ _ 3"]], box: Box
    ) -> tuple[Float[Tensor, "b k d"], Float[Tensor, "b k"]]:
        """Return points and scores of the face in this box in every image; zeros if the box is outside."""
        window = crop_window(box)
        if not window.overlaps(*images[0].shape[:2]):
            return torch.zeros(len(images), _NUM_POINTS, self._dimensions), torch.zeros(len(images), _NUM_POINTS)
        crops = crop_faces(images, window, device=self._device)
        crops = crops.to(self._dtype, memory_format=torch.channels_last)
        heatmaps = predict_heatmaps(self._points, crops, flip=self._flip)
        cells, peaks = find_peaks(heatmaps)
        size = heatmaps.shape[-1]
        columns = [to_image(cells, window, size=size)]
        if self._depth is not None:
            columns.append(
                predict_depth(self._depth, crops, cells, size=size)[..., None] * (crop_side(box) / CROP_SIZE)
            )
        # The only copy to the host: a few numbers per frame, after the whole batch.
        result = torch.cat((*columns, peaks.clamp(0, 1)[..., None]), dim=-1).cpu()
        return result[..., :-1], result[..., -1]


def _device(name: str | torch.device) -> torch.device:
    """Return the device, or raise `ValueError` if this machine or this build of PyTorch lacks it."""
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        problem = (str(error).splitlines() or ["it is not there"])[0]
        raise ValueError(f"expected a device that PyTorch can use here, such as cpu, got {name}: {problem}") from error
