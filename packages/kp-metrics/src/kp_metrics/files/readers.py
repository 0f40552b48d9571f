"""Readers of keypoint files: kp-io's .npz, .csv and .json, OpenFace's tables, and COCO keypoint JSON."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from kp_metrics.files.coco import read_coco as read_coco, read_json
from kp_metrics.files.csv_file import read_csv
from kp_metrics.files.frame_placement import Choice, NothingToChooseError
from kp_metrics.files.keypoint_file import KeypointFile as KeypointFile, known_size

_FORMAT_VERSION = 1


def read_keypoints(
    path: str | Path, *, face: str | int | None = None, track: str | int | None = None, image: str | int | None = None
) -> KeypointFile:
    """Read a keypoint file by its suffix: .npz, .csv or .json.

    Frames stand at their number or time in the file, as `kp_io.load_keypoints` reads it. Those that the file lacks, or
    marks as lost, are interpolated and not valid.

    Args:
        path: The file.
        face: Which face, if a file holds several: a value of `face_id` or such; in COCO files the rank by size, from 0.
        track: Which track, clip or video, if there are several.
        image: Which picture of a COCO file, or of the column `image` or such.

    Raises:
        ValueError: The suffix is unknown, the content does not match it, or it holds several faces, tracks or clips and
            none is chosen.
        OSError: The file cannot be read.

    Example:
        >>> read_keypoints("faces.mp4")
        Traceback (most recent call last):
        ValueError: expected a keypoint file (.npz, .csv, .json), got 'faces.mp4'
    """
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"expected a keypoint file ({', '.join(READERS)}), got {path.name!r}")
    return reader(path, Choice(face, track, image))


def read_npz(path: str | Path, choice: Choice = Choice()) -> KeypointFile:  # noqa: B008 - it is immutable
    """Read the array `keypoints` `(T, K, D)`, and, if present, `format_version`, `scores`, `fps` and `layout`.

    Pickled objects are rejected.

    Raises:
        ValueError: The file is not an .npz file, lacks `keypoints`, or is of a later version.
    """
    path = Path(path)
    if choice != Choice():
        raise NothingToChooseError(f"expected a .csv or .json for a choice of a face, track or image, got {path}")
    with path.open("rb") as file:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                content = {name: np.asarray(arrays[name]) for name in arrays.files}
        except Exception as error:
            # Damaged bytes make zipfile, zlib and NumPy's header parser raise a dozen unrelated types.
            raise ValueError(f"expected {path} as an .npz file of plain arrays: {error}") from error
    for name, kinds in (("format_version", "iu"), ("fps", "fiu"), ("layout", "U")):
        if name in content and (content[name].shape != () or content[name].dtype.kind not in kinds):
            raise ValueError(f"expected one {name} in {path}, got {content[name].dtype} {content[name].shape}")
    version = int(content.get("format_version", _FORMAT_VERSION))
    if version != _FORMAT_VERSION:
        raise ValueError(f"expected format_version {_FORMAT_VERSION} in {path}, got {version}")
    if "keypoints" not in content:
        raise ValueError(f"expected an array 'keypoints' in {path}, got {', '.join(content) or 'none'}")
    points = content["keypoints"]
    if points.ndim != 3 or points.shape[-1] not in (2, 3) or points.dtype.kind != "f":
        raise ValueError(f"expected float keypoints (T, K, 2 or 3) in {path}, got {points.dtype} {points.shape}")
    scores = content.get("scores", np.ones(points.shape[:2], dtype=np.float32))
    if scores.shape != points.shape[:2] or scores.dtype.kind not in "fiub":
        raise ValueError(f"expected scores of shape {points.shape[:2]} in {path}, got {scores.dtype} {scores.shape}")
    return KeypointFile(
        torch.from_numpy(points.astype(np.float32)),
        torch.from_numpy(scores > 0),
        fps=float(content["fps"]) if "fps" in content else None,
        layout=str(content.get("layout", "")),
        image_size=known_size(*content["image_size"].flat) if "image_size" in content else None,
    )


#: Readers by suffix.
READERS: dict[str, Callable[[str | Path, Choice], KeypointFile]] = {
    ".npz": read_npz,
    ".csv": read_csv,
    ".json": read_json,
}
