"""Read COCO keypoint JSON and lists of points per frame: sequences as kp-io reads them, or objects of pictures."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kp_metrics.files.frame_placement import FRAME_NAMES, TIME_UNITS, Choice, NothingToChooseError
from kp_metrics.files.gaps import interpolate_missing
from kp_metrics.files.json_frames import JsonFrames, PointCount, coco_frames, listed_frames
from kp_metrics.files.keypoint_file import KeypointFile, known_size

#: Numbers beyond float32, infinity and NaN are rejected.
_MAX_FLOAT32 = float(np.finfo(np.float32).max)

_FACE = PointCount(68, "ibug68")


def read_json(path: str | Path, choice: Choice = Choice()) -> KeypointFile:  # noqa: B008 - it is immutable
    """Read a list of points per frame (`frames`), or COCO keypoints: see `read_coco`.

    COCO's faces of 68 points are a sequence if their images have a frame number or time, or `info` has `fps`; all other
    COCO files are objects of pictures.

    Raises:
        ValueError: The file is not such JSON, or holds several faces, tracks or videos and none is chosen.
    """
    path = Path(path)
    content = _load(path)
    if isinstance(content, dict) and "frames" in content and "annotations" not in content:
        return _sequence(path, content, choice, listed_frames, content)
    if not isinstance(content, dict) and choice != Choice():
        raise NothingToChooseError(f"expected COCO's images for a choice, got a list of results in {path}")
    if not isinstance(content, dict) or (choice == Choice() and not _is_face_video(content)):
        return read_coco(path)
    info = content.get("info")
    sequence = _sequence(path, content, choice, coco_frames, info if isinstance(info, dict) else {})
    return replace(sequence, objects=_objects_or_none(path) if choice == Choice() else None)


def _objects_or_none(path: Path) -> KeypointFile | None:
    try:
        return read_coco(path)
    except ValueError:  # such as bodies beside the faces
        return None


def read_coco(path: str | Path) -> KeypointFile:
    """Read COCO keypoint annotations, or results: a list of objects, or a mapping with `annotations`.

    Crowd objects and objects without a visible point are skipped, as in COCO's evaluation.

    Raises:
        ValueError: The file is not such JSON, or its objects differ in their number of points.
    """
    path = Path(path)
    content = _load(path)
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
    flat = torch.tensor([o["keypoints"] for o in used], dtype=torch.float32)
    points = flat.reshape(len(used), -1, 3)
    valid = torch.ones(points.shape[:2], dtype=torch.bool) if is_result else points[..., 2] > 0
    images = content.get("images") if isinstance(content, dict) else None
    named = [image for image in images or () if isinstance(image, dict) and "file_name" in image]
    return KeypointFile(
        points[..., :2],
        valid & _scored(used, points.shape[1]),
        area=_areas(used, points),
        keys=tuple(str(o.get("image_id", number)) for number, o in enumerate(used)),
        scores=torch.tensor([float(o["score"]) for o in used]) if is_result else None,
        categories=tuple(str(o["category_id"]) for o in used) if all("category_id" in o for o in used) else None,
        image_names={str(image["file_name"]): str(image.get("id")) for image in named},
    )


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"expected {path} as JSON: {error}") from error


def _is_face_video(content: dict[str, Any]) -> bool:
    """Return whether the images are frames of a video, and the annotations faces of 68 points."""
    images, annotations, info = content.get("images"), content.get("annotations"), content.get("info")
    if not isinstance(images, list) or not images or not isinstance(annotations, list):
        return False
    is_timed = isinstance(info, dict) and "fps" in info
    for name in (*FRAME_NAMES, *TIME_UNITS):
        is_timed = is_timed or all(isinstance(image, dict) and name in image for image in images)
    has_faces = any(len(o["keypoints"]) == 3 * _FACE.count for o in annotations if isinstance(o.get("keypoints"), list))
    return is_timed and has_faces


def _sequence(path: Path, content: dict[str, Any], choice: Choice, read: Any, settings: dict[str, Any]) -> KeypointFile:
    fps = settings.get("fps")
    if fps is not None and not _is_number(fps):
        raise ValueError(f"expected a number as fps in {path}, got {str(fps)[:40]!r}")
    try:
        frames: JsonFrames = read(content, _FACE, choice, fps=fps)
    except NothingToChooseError:
        raise
    except ValueError as error:
        raise ValueError(f"{path} is no valid file of keypoints: {error}") from error
    measured = torch.from_numpy(frames.measured)
    timed = fps is not None or any(all(name in entry for _, entry in frames.entries) for name in TIME_UNITS)
    return KeypointFile(
        interpolate_missing(torch.from_numpy(frames.points), measured).float(),
        torch.from_numpy(frames.scores > 0),
        fps=frames.fps if timed else None,
        layout=str(settings.get("layout", "")),
        image_size=_picture_size(settings, frames),
    )


def _picture_size(settings: dict[str, Any], frames: JsonFrames) -> tuple[int, int] | None:
    """Return the one size that the file, or every image in it, states; else None."""
    stated = {known_size(settings.get("image_height"), settings.get("image_width"))}
    if stated == {None}:
        stated = {known_size(entry.get("height"), entry.get("width")) for _, entry in frames.entries}
    return stated.pop() if len(stated) == 1 else None


def _scored(objects: list[dict[str, Any]], count: int) -> Tensor:
    """Return where `keypoint_scores`, if an object has them, are above 0: interpolated points score 0."""
    scores = [o.get("keypoint_scores") for o in objects]
    whole = [isinstance(s, list) and len(s) == count and all(map(_is_number, s)) for s in scores]
    return torch.tensor([s if ok else [1.0] * count for s, ok in zip(scores, whole, strict=True)]) > 0


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
