"""The paper's annotator: the networks of face-alignment, in batches, tracked, and with points between pixels."""

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
    CROP,
    Box,
    box_of_points,
    crop_faces,
    has_moved,
    side_of_crop,
    to_picture,
    window_of_box,
)
from kp_io.detectors.face_alignment.depth import tell_depth
from kp_io.detectors.face_alignment.heatmaps import draw_heatmaps, find_peaks
from kp_io.detectors.face_alignment.networks import (
    library_version,
    load_box_network,
    load_depth_network,
    load_point_network,
)
from kp_io.detectors.face_alignment.weights import find_weights, needed_weights
from kp_io.keypoints.layout import IBUG68

# More crops than this at once leave a CPU's cache: each then takes longer. A GPU takes a whole batch.
_CPU_CROPS = 4

_NUM_POINTS = IBUG68.num_keypoints


class FaceAlignmentDetector:
    """Finds the 68 iBUG points with FAN, on faces that S3FD found; the paper annotated with these networks.

    In a video S3FD runs only where a face is looked for; between, the box follows the points. All frames of a batch are
    cropped by one box, and from the frame on in which the face has left it by more than `max_drift`, again by the next.

    Args:
        weights: Folder of the weight files; by default torch.hub's, `$TORCH_HOME/hub/checkpoints`.
        device: Where the networks run, such as `"cpu"`, `"cuda"` or `"cuda:1"`.
        dimensions: 2, or 3 for points with a depth: z in pixels, counted as the library does.
        flip: Whether mirrored crops are looked at too: steadier, and twice the time.
        batch_size: Frames that `track` takes at once, at best.
        detect_size: Pictures are shrunk to this longest side, pixels, to look for faces. The points are found in the
            picture as it is.
        dtype: What the point and depth networks compute in; by default bfloat16 on a CUDA device, else float32.
        min_score: A face counts as lost, or as none, when the mean score of its points is less.
        max_drift: How far a face may leave the box that it is cropped by, in shares of the box's side.

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
        # Boxes stay in float32: S3FD runs once in many frames, and its box decides about all of them.
        self._boxes = load_box_network(paths[0]).to(self._device)
        self._points = load_point_network(paths[1]).to(self._device, self._dtype)
        self._depth = load_depth_network(paths[2]).to(self._device, self._dtype) if dimensions == 3 else None
        most = _CPU_CROPS // (1 + flip) if self._device.type == "cpu" else batch_size
        self._at_once = min(batch_size, most)
        self._dimensions, self._flip = dimensions, flip
        self._batch_size, self._detect_size = batch_size, detect_size
        self._min_score, self._max_drift = min_score, max_drift

    @property
    def name(self) -> str:
        """What files record as the detector."""
        return f"face-alignment-{self._version}/{self._dimensions}D-FAN-4{'-flip' if self._flip else ''}"

    @property
    def batch_size(self) -> int:
        """How many frames `track` takes at once, at best."""
        return self._batch_size

    @torch.inference_mode()
    def detect(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Detection]:
        """Find every face of one picture, the largest first; an empty list where there is none."""
        boxes = find_faces(self._boxes, image, longest=self._detect_size, device=self._device)
        found = [(points[0], scores[0]) for points, scores in (self._landmarks([image], box) for box in boxes)]
        return [detection for detection in found if self._is_face(detection)]

    @torch.inference_mode()
    def track(
        self, images: Sequence[UInt8[np.ndarray, "h w 3"]], previous: Float[Tensor, "k _"]
    ) -> list[Detection | None]:
        """Follow the face that was at `previous` just before `images[0]` through consecutive frames.

        Returns:
            A detection for every frame, with None from the frame on in which the face is gone.
        """
        found: list[Detection | None] = []
        box, tried = box_of_points(previous), -1
        while len(found) < len(images):
            ahead = images[len(found) : len(found) + self._at_once]
            for detection in zip(*self._landmarks(ahead, box), strict=True):
                if not self._is_face(detection):
                    return found + [None] * (len(images) - len(found))
                seen = box_of_points(detection[0])
                if has_moved(seen, box, bound=self._max_drift):
                    box = seen
                    if tried < len(found):  # once more for this frame, by the box where it was just seen
                        tried = len(found)
                        break
                    found.append(detection)
                    break
                found.append(detection)
        return found

    def _is_face(self, detection: Detection) -> bool:
        return float(detection[1].mean()) >= self._min_score

    def _landmarks(
        self, images: Sequence[UInt8[np.ndarray, "h w 3"]], box: Box
    ) -> tuple[Float[Tensor, "b k d"], Float[Tensor, "b k"]]:
        """Return points and scores of the face in this box, for all pictures at once; zeros where nothing is seen."""
        window = window_of_box(box)
        if not window.shows(*images[0].shape[:2]):
            return torch.zeros(len(images), _NUM_POINTS, self._dimensions), torch.zeros(len(images), _NUM_POINTS)
        crops = crop_faces(images, window, device=self._device)
        crops = crops.to(self._dtype, memory_format=torch.channels_last)
        heatmaps = draw_heatmaps(self._points, crops, flip=self._flip)
        cells, peaks = find_peaks(heatmaps)
        size = heatmaps.shape[-1]
        columns = [to_picture(cells, window, size=size)]
        if self._depth is not None:
            columns.append(tell_depth(self._depth, crops, cells, size=size)[..., None] * (side_of_crop(box) / CROP))
        # The only copy to the host: a few numbers for each frame, after all of its batch.
        result = torch.cat((*columns, peaks.clamp(0, 1)[..., None]), dim=-1).cpu()
        return result[..., :-1], result[..., -1]


def _device(name: str | torch.device) -> torch.device:
    """Return the device, or raise `ValueError` where this machine, or this build of PyTorch, has none of that name."""
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        problem = (str(error).splitlines() or ["it is not there"])[0]
        raise ValueError(f"expected a device that PyTorch can use here, such as cpu, got {name}: {problem}") from error
