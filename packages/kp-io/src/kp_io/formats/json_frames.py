"""Read frames of COCO files and of lists of points from JSON, with errors that name a path such as `frames[3].points`.

kp_io and kp_metrics import nothing of each other and must read a file alike: each has this module, and a test of the
repository fails unless both copies are equal but for the names of their packages.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, TypeVar

import numpy as np

from kp_io.formats.frame_placement import FRAME_NAMES, LABELS, TIME_UNITS, Choice, Placement, choose_rows, place_rows

T = TypeVar("T")

logger = logging.getLogger(__name__)

_NAMES: dict[type, str] = {dict: "an object", list: "a list", str: "a text", int: "a whole number", float: "a number"}

#: A member of a list with its path in the file, such as `frames[3]`.
Entry = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class PointCount:
    """The number of points that a face must have, for errors with the layout's name and what helps."""

    count: int
    layout: str
    hint: Callable[[int], str] = lambda count: ""


@dataclass(frozen=True, slots=True, eq=False)
class JsonFrames:
    """The frames of a file: those that are not measured hold zeros."""

    points: np.ndarray  # float64 (T, K, 2 or 3), pixels
    scores: np.ndarray  # float64 (T, K)
    measured: np.ndarray  # bool (T)
    fps: float
    entries: list[Entry]  # those that were chosen


def coco_frames(value: dict[str, Any], expected: PointCount, choice: Choice, *, fps: float | None) -> JsonFrames:
    """Return the chosen face of every image of a COCO file; images are placed by number or time."""
    images, choice = _images(value, choice)
    places = place_entries(images, fps)
    ids = [integer_member(images[row][1], "id", images[row][0]) for row in places.rows]
    faces = _faces(value, set(ids), expected, choice)
    if not faces:
        raise ValueError("expected an annotation with keypoints for at least one image, found none")
    there = [(frame, faces[image]) for frame, image in zip(places.frames.tolist(), ids, strict=True) if image in faces]
    return _frames_at(there, places, "expected keypoints_z in every annotation, or in none", images)


def listed_frames(value: dict[str, Any], expected: PointCount, choice: Choice, *, fps: float | None) -> JsonFrames:
    """Return the frames of a list with `points` and perhaps `scores`, each at its number or time."""
    frames = object_list(value, "frames")
    if not frames:
        raise ValueError("expected at least one frame in frames, got none")
    columns = _columns(frames, [name for names in LABELS.values() for name in names])
    chosen = [frames[row] for row in choose_rows(columns, len(frames), choice)]
    total = integer_member(value, "num_frames", "file") if "num_frames" in value else None
    places = place_entries(chosen, fps, total=total)
    if total is not None and places.total != total and len(chosen) == len(frames):
        raise ValueError(f"expected the {total} frames that num_frames states, got {places.total}")
    found = [(frame, *chosen[row]) for frame, row in zip(places.frames.tolist(), places.rows, strict=True)]
    found = [(frame, where, entry) for frame, where, entry in found if entry.get("points", 0) not in (None, [])]
    if not found:
        raise ValueError("expected points in at least one frame, got none")
    lists = [member(entry, "points", list, where) for _, where, entry in found]
    has_depth = all(isinstance(point, dict) and "z" in point for points in lists for point in points)
    labelled = [
        (frame, (_points(points, "xyz" if has_depth else "xy", expected, where), _scores(entry, expected, where)))
        for (frame, where, entry), points in zip(found, lists, strict=True)
    ]
    return _frames_at(labelled, places, "expected z in every point, or in none", chosen)


def member(parent: dict[str, Any], name: str, kind: type[T], where: str, *, default: T | None = None) -> T:
    """Return a member of that type, or the default if it is missing; otherwise raise `ValueError` with its path.

    Example:
        >>> member({"fps": 25}, "fps", float, "info")
        25.0
        >>> member({"fps": "x"}, "fps", float, "info")
        Traceback (most recent call last):
        ValueError: expected a number as info.fps, got 'x'
    """
    if name not in parent:
        if default is not None:
            return default
        raise ValueError(f"expected {_NAMES[kind]} as {where}.{name}, found no such member")
    value = parent[name]
    if kind is float and is_number(value):
        return kind(value)  # type: ignore[call-arg]  # kind is float here
    if kind is float or not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"expected {_NAMES[kind]} as {where}.{name}, got {short_text(value)}")
    return value


def integer_member(parent: dict[str, Any], name: str, where: str, *, default: int | None = None) -> int:
    """Return a member that is a whole number, written as 5 or as 5.0."""
    value = member(parent, name, float, where, default=default)
    if value % 1:
        raise ValueError(f"expected a whole number as {where}.{name}, got {value}")
    return int(value)


def object_list(parent: dict[str, Any], name: str) -> list[Entry]:
    """Return the objects in a list of the outermost object, each with its path such as `frames[3]`."""
    entries = [(f"{name}[{index}]", entry) for index, entry in enumerate(member(parent, name, list, "file"))]
    for where, entry in entries:
        if not isinstance(entry, dict):
            raise ValueError(f"expected an object as {where}, got {type(entry).__name__}")
    return entries


def place_entries(entries: list[Entry], fps: float | None, *, total: int | None = None) -> Placement:
    """Return the frame of each entry, by its number or else its time; in the order of the file without both.

    `entries` are those of `object_list`, and `total` the number of frames that the file states, if it does.
    """
    number = next((name for name in FRAME_NAMES if all(name in entry for _, entry in entries)), None)
    time = next((name for name in TIME_UNITS if all(name in entry for _, entry in entries)), None)
    numbers = [integer_member(entry, number, where) for where, entry in entries if number]
    times = [member(entry, time, float, where) * TIME_UNITS[time] for where, entry in entries if time]
    places = place_rows(
        len(entries),
        numbers=np.array(numbers, float) if number else None,
        times=np.array(times) if time else None,
        fps=fps,
        names=(str(number), str(time)),
    )
    if total is None or (number is None and time is None) or total < places.total:
        return places
    return replace(places, total=total)


def is_number(value: object) -> bool:
    """Return whether a JSON value is a finite number in the range of a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def short_text(value: object) -> str:
    """Return the start of a value as Python writes it."""
    return text if len(text := repr(value)) <= 40 else f"{text[:37]}…"


_Face = tuple[np.ndarray, np.ndarray]


def _frames_at(labelled: list[tuple[int, _Face]], places: Placement, mixed: str, entries: list[Entry]) -> JsonFrames:
    if len({face[0].shape for _, face in labelled}) > 1:
        raise ValueError(mixed)
    count, dimensions = labelled[0][1][0].shape
    points, scores = np.zeros((places.total, count, dimensions)), np.zeros((places.total, count))
    measured = np.zeros(places.total, bool)
    for frame, (face, confidence) in labelled:
        points[frame], scores[frame], measured[frame] = face, confidence, True
    return JsonFrames(points, scores, measured, places.fps, entries)


def _columns(entries: list[Entry], names: list[str]) -> dict[str, list[object]]:
    """Return the members of these names that any entry has, as columns."""
    columns = {name: [entry.get(name) for _, entry in entries] for name in names}
    return {name: values for name, values in columns.items() if any(value is not None for value in values)}


def _images(value: dict[str, Any], choice: Choice) -> tuple[list[Entry], Choice]:
    """Return the wanted image entries, each with its path in the file, and what is left to choose."""
    images = object_list(value, "images")
    if not images:
        raise ValueError("expected at least one image in images, got none")
    if choice.image is not None:
        matching = [(where, entry) for where, entry in images if _matches(entry, str(choice.image))]
        if len(matching) != 1:
            names = ", ".join(str(entry.get("file_name", entry.get("id"))) for _, entry in images[:5])
            raise ValueError(f"expected one image called {choice.image!r}, got {len(matching)}; there are {names}, …")
        return matching, replace(choice, image=None)
    columns = _columns(images, list(LABELS["track"]))
    if not columns and _repeat_in_folders(images):
        columns = {"video": [str(PurePosixPath(str(entry["file_name"])).parent) for _, entry in images]}
    if not columns:
        return images, choice
    # A track is in the annotations: the choice is the video's only where there are several.
    several = any(len(set(map(str, values))) > 1 for values in columns.values())
    rows = choose_rows(columns, len(images), replace(choice, track=choice.track if several else None, face=None))
    return [images[row] for row in rows], replace(choice, track=None) if several else choice


def _repeat_in_folders(images: list[Entry]) -> bool:
    """Return whether several folders hold images of the same name, or of the same number: several videos."""
    paths = [PurePosixPath(str(entry.get("file_name", where))) for where, entry in images]
    numbers = [str(entry.get("frame_id", where)) for where, entry in images]
    repeated = len({path.name for path in paths}) < len(paths) or len(set(numbers)) < len(numbers)
    return repeated and len({path.parent for path in paths}) > 1


def _matches(entry: dict[str, Any], name: str) -> bool:
    file_name = str(entry.get("file_name", ""))
    return file_name == name or file_name.endswith(f"/{name}") or str(entry.get("id")) == name


def _faces(value: dict[str, Any], wanted: set[int], expected: PointCount, choice: Choice) -> dict[int, _Face]:
    """Return points and scores of the chosen labelled face of each wanted image that has one."""
    found: dict[int, list[tuple[float, _Face]]] = {}
    rank, entries = _choose_annotations(value, wanted, expected, choice)
    for where, entry in entries:
        points, scores = _face(entry, expected, where)
        low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
        if bool(scores.any()) or "keypoint_scores" in entry:
            image_id = integer_member(entry, "image_id", where)
            found.setdefault(image_id, []).append((float((high - low).prod()), (points, scores)))
    several = sum(len(faces) > 1 for faces in found.values())
    if several and rank is None:
        logger.warning(
            "%d of %d images have several faces; the largest is read; choose another with face=, or --face",
            several, len(found),
        )  # fmt: skip
    # The sort is stable: of equal faces, the first.
    ranked = {image_id: sorted(faces, key=lambda face: -face[0]) for image_id, faces in found.items()}
    return {image_id: faces[rank or 0][1] for image_id, faces in ranked.items() if len(faces) > (rank or 0)}


def _choose_annotations(
    value: dict[str, Any], wanted: set[int], expected: PointCount, choice: Choice
) -> tuple[int | None, list[Entry]]:
    """Return the annotations of the wanted images, track and person, and the rank by size if that is what is chosen."""
    entries = object_list(value, "annotations")
    entries = [(where, e) for where, e in entries if integer_member(e, "image_id", where) in wanted]
    entries = [(where, e) for where, e in entries if not e.get("iscrowd")]
    if len({str(e.get("category_id")) for _, e in entries}) > 1:
        # Such as bodies beside faces.
        whole = 3 * expected.count
        entries = [(where, e) for where, e in entries if len(e.get("keypoints") or ()) == whole] or entries
        categories = {str(e.get("category_id")) for _, e in entries}
        if len(categories) > 1:
            raise ValueError(f"expected annotations of one category, got the category_id {', '.join(categories)}")
    columns = _columns(entries, [*LABELS["track"], *LABELS["face"]])
    rank = None
    if choice.face is not None and not any(name in columns for name in LABELS["face"]):
        if not str(choice.face).isdecimal():
            raise ValueError(f"expected the rank of a face by size, from 0, got face={choice.face!r}")
        rank, choice = int(choice.face), replace(choice, face=None)
    return rank, [entries[row] for row in choose_rows(columns, len(entries), choice)]


def _face(entry: dict[str, Any], expected: PointCount, where: str) -> _Face:
    count = expected.count
    triplets = _numbers(entry, "keypoints", None, where)
    if len(triplets) != 3 * count:
        given = f"{len(triplets)} of {len(triplets) / 3:g} points{expected.hint(len(triplets) // 3)}"
        meaning = f"x, y, visibility of {count} points, {expected.layout}"
        raise ValueError(f"expected {3 * count} numbers as {where}.keypoints ({meaning}), got {given}")
    points, visibility = triplets.reshape(count, 3)[:, :2], triplets.reshape(count, 3)[:, 2]
    if "keypoints_z" in entry:
        points = np.column_stack([points, _numbers(entry, "keypoints_z", count, where)])
    if "keypoint_scores" in entry:
        return points, _numbers(entry, "keypoint_scores", count, where)
    return points, (visibility > 0).astype(np.float64)


def _numbers(entry: dict[str, Any], name: str, count: int | None, where: str) -> np.ndarray:
    values = member(entry, name, list, where)
    if count is not None and len(values) != count:
        raise ValueError(f"expected {count} numbers as {where}.{name}, one a point, got {len(values)}")
    wrong = next((i for i, value in enumerate(values) if not is_number(value)), None)
    if wrong is not None:
        raise ValueError(f"expected a number as {where}.{name}[{wrong}], got {values[wrong]!r:.40}")
    return np.array(values, np.float64)


def _points(points: list[Any], axes: str, expected: PointCount, where: str) -> np.ndarray:
    if len(points) != expected.count:
        wanted = f"{expected.count} points ({expected.layout}) in {where}.points"
        raise ValueError(f"expected {wanted}, got {len(points)}{expected.hint(len(points))}")
    for number, point in enumerate(points):
        if not isinstance(point, dict) or not all(is_number(point.get(axis)) for axis in axes):
            raise ValueError(f"expected numbers {' and '.join(axes)} in {where}.points[{number}], got {point!r:.60}")
    return np.array([[float(point[axis]) for axis in axes] for point in points])


def _scores(frame: dict[str, Any], expected: PointCount, where: str) -> np.ndarray:
    if "scores" not in frame:
        return np.ones(expected.count)
    scores = member(frame, "scores", list, where)
    if len(scores) != expected.count or not all(map(is_number, scores)):
        raise ValueError(f"expected {expected.count} numbers in {where}.scores, got {len(scores)} values")
    return np.array([float(score) for score in scores])
