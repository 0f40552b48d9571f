"""Readers of keypoint files: kp-io's .npz and .csv, and COCO keypoint JSON."""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

_FORMAT_VERSION = 1

#: Numbers beyond float32, infinity and NaN are rejected.
_MAX_FLOAT32 = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True, eq=False)
class KeypointFile:
    """Content of a keypoint file; None where unknown."""

    keypoints: Float[Tensor, "t k d"]  # float32; for COCO `(T, K, 2)` with one object per frame
    valid: Bool[Tensor, "t k"]  # False if not measured: a score of 0 (kp-io: interpolated), visibility 0 (COCO)
    fps: float | None = None  # frames per second
    layout: str = ""  # its name, such as "ibug68"; empty if unknown
    area: Float[Tensor, " t"] | None = None  # of each COCO object, square pixels
    keys: tuple[str, ...] | None = None  # image of each COCO object, to match predictions to it; None for a sequence
    scores: Float[Tensor, " t"] | None = None  # confidence of each object of COCO results


def read_keypoints(path: str | Path) -> KeypointFile:
    """Read a keypoint file by its suffix: .npz, .csv or .json.

    Raises:
        ValueError: The suffix is unknown, or the content does not match it.
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
    return reader(path)


def read_npz(path: str | Path) -> KeypointFile:
    """Read the array `keypoints` `(T, K, D)`, and, if present, `format_version`, `scores`, `fps` and `layout`.

    Pickled objects are rejected.

    Raises:
        ValueError: The file is not an .npz file, lacks `keypoints`, or is of a later version.
    """
    path = Path(path)
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
    )


def read_csv(path: str | Path) -> KeypointFile:
    """Read columns `frame,time_seconds,x_0…,y_0…[,z_0…][,score_0…]`, one line per frame; others are ignored.

    Raises:
        ValueError: Columns are missing, lines differ in length, or a cell is not a number.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = csv.reader(file)
            head = next(lines, [])
            rows = [row for row in lines if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"expected a table of keypoints (.csv) in {path}, got something else: {error}") from error
    axes = [axis for axis in "xyz" if f"{axis}_0" in head]
    count = sum(1 for name in head if name.startswith("x_"))
    if axes not in (["x", "y"], ["x", "y", "z"]) or not rows:
        raise ValueError(f"expected columns x_0…, y_0… and a line for each frame in {path}, got {len(rows)} lines")
    missing = [name for axis in axes for i in range(count) if (name := f"{axis}_{i}") not in head]
    if missing or any(len(row) != len(head) for row in rows):
        what = f"no column {missing[0]}" if missing else "lines of different lengths"
        raise ValueError(f"expected {len(axes)} × {count} coordinate columns in {path}, got {what}")
    columns = [[head.index(f"{axis}_{i}") for axis in axes] for i in range(count)]
    scores = [head.index(f"score_{i}") for i in range(count) if f"score_{i}" in head]
    try:
        values = [[[float(row[column]) for column in point] for point in columns] for row in rows]
        confident = [[float(row[column]) > 0 for column in scores] for row in rows]
        times = [float(row[head.index("time_seconds")]) for row in rows] if "time_seconds" in head else []
    except ValueError as error:
        raise ValueError(f"expected numbers in {path}: {error}") from error
    keypoints = torch.tensor(values, dtype=torch.float32)
    span = times[-1] - times[0] if len(times) > 1 else 0.0
    fps = round((len(times) - 1) / span, 3) if span > 0 else None
    valid = torch.tensor(confident) if len(scores) == count else torch.ones(keypoints.shape[:2], dtype=torch.bool)
    return KeypointFile(keypoints, valid, fps=fps)


def read_coco(path: str | Path) -> KeypointFile:
    """Read COCO keypoint annotations, or results: a list of objects, or a mapping with `annotations`.

    Crowd objects and objects without a visible point are skipped, as in COCO's evaluation.

    Raises:
        ValueError: The file is not such JSON, or its objects differ in their number of points.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"expected {path} as JSON: {error}") from error
    objects = content.get("annotations") if isinstance(content, dict) else content
    if not isinstance(objects, list) or not all(isinstance(o, dict) and "keypoints" in o for o in objects):
        raise ValueError(f"expected COCO keypoint objects in {path}: a list, or a mapping with 'annotations'")
    for number, entry in enumerate(objects):
        _check_object(entry, f"object {number} of {path}")
    is_result = isinstance(content, list) and all("score" in o for o in objects)
    used = [o for o in objects if not o.get("iscrowd") and (is_result or any(o["keypoints"][2::3]))]
    lengths = {len(o["keypoints"]) for o in used}
    if len(lengths) != 1 or lengths.pop() % 3:
        raise ValueError(f"expected objects with one number of keypoints x, y, v in {path}, got {len(used)} objects")
    points = torch.tensor([o["keypoints"] for o in used], dtype=torch.float32).reshape(len(used), -1, 3)
    valid = torch.ones(points.shape[:2], dtype=torch.bool) if is_result else points[..., 2] > 0
    return KeypointFile(
        points[..., :2],
        valid,
        area=_areas(used, points),
        keys=tuple(str(o.get("image_id", number)) for number, o in enumerate(used)),
        scores=torch.tensor([float(o["score"]) for o in used]) if is_result else None,
    )


def _check_object(entry: dict[str, Any], where: str) -> None:
    """Raise `ValueError` if a COCO object holds anything but numbers."""
    for name, length in (("keypoints", None), ("bbox", 4)):
        values = entry.get(name, [0] * 4)
        if not isinstance(values, list) or (length or len(values)) != len(values) or not all(map(_is_number, values)):
            raise ValueError(f"expected a list of {length or 'finite'} numbers as {name} in {where}")
    for name in ("area", "score"):
        if not _is_number(entry.get(name, 0)):
            raise ValueError(f"expected a finite number as {name} in {where}, got {str(entry[name])[:40]!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _MAX_FLOAT32


def _areas(objects: list[dict[str, Any]], points: Tensor) -> Tensor:
    """Return the area of each object: as given, else of its box, else of the box of its points."""
    areas = []
    for entry, keypoints in zip(objects, points, strict=True):
        if "area" in entry:
            areas.append(float(entry["area"]))
        elif "bbox" in entry:
            areas.append(float(entry["bbox"][2]) * float(entry["bbox"][3]))
        else:
            visible = keypoints[keypoints[:, 2] > 0, :2] if bool((keypoints[:, 2] > 0).any()) else keypoints[:, :2]
            areas.append(float((visible.amax(0) - visible.amin(0)).prod()))
    return torch.tensor(areas, dtype=torch.float32)


#: Readers by suffix.
READERS: dict[str, Callable[[str | Path], KeypointFile]] = {".npz": read_npz, ".csv": read_csv, ".json": read_coco}
